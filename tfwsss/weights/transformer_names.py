"""Name rules of CLIP and DINOv2: the files of transformers, and those that OpenAI and Meta released."""

from tfwsss.weights.rules import WRAPPED, Network, Rule


def _linear(source: str, *targets: str, layout: str = "transposed") -> tuple[Rule, ...]:
    """Returns the rules of a dense layer, or of as many whose weights one array holds one after another."""
    kernels, biases = (tuple(f"{target}/{leaf}" for target in targets) for leaf in ("kernel", "bias"))
    weight, bias = ((f"{source}_weight", f"{source}_bias") if source.endswith("in_proj") else
                    (rf"{source}\.weight", rf"{source}\.bias"))
    return Rule(weight, kernels, layout, parts=len(targets)), Rule(bias, biases, parts=len(targets))


def _norm(source: str, target: str) -> tuple[Rule, ...]:
    """Returns the rules of a layer normalisation."""
    return Rule(rf"{source}\.weight", (f"{target}/gamma",)), Rule(rf"{source}\.bias", (f"{target}/beta",))


def _block(source: str, prefix: str, attention: tuple[tuple[str, tuple[str, ...]], ...], norms: tuple[str, str],
           dense: tuple[str, str]) -> tuple[Rule, ...]:
    """Returns the rules of every block of a tower.

    Args:
        source: of the block, with its number as the first group.
        prefix: of our blocks' names.
        attention: (their name, our roles) of the attention's dense layers.
        norms: their names of both normalisations.
        dense: their names of the dense layers behind the second.
    """
    own = rf"{prefix}block\1_"
    listed = [*attention, (dense[0], ("hidden",)), (dense[1], ("narrow",))]
    return (*(rule for theirs, roles in listed
              for rule in _linear(rf"{source}\.{theirs}", *(f"{own}{role}" for role in roles))),
            *(rule for number, theirs in enumerate(norms, 1)
              for rule in _norm(rf"{source}\.{theirs}", f"{own}norm{number}")))


_JOINED = ("query", "key", "value")
_APART = tuple((rf"self_attn\.{letter}_proj", (role,)) for letter, role in zip("qkv", _JOINED, strict=True))


def _clip_tower(theirs: str, prefix: str) -> tuple[Rule, ...]:
    """Returns the rules of one of CLIP's towers in the words of transformers."""
    return _block(rf"{WRAPPED}{theirs}\.encoder\.layers\.(\d+)", prefix,
                  (*_APART, (r"self_attn\.out_proj", ("out",))), ("layer_norm1", "layer_norm2"),
                  (r"mlp\.fc1", r"mlp\.fc2"))


def _openai_tower(theirs: str, prefix: str) -> tuple[Rule, ...]:
    """Returns the rules of one of CLIP's towers in OpenAI's words."""
    return _block(rf"{WRAPPED}{theirs}transformer\.resblocks\.(\d+)", prefix,
                  ((r"attn\.in_proj", _JOINED), (r"attn\.out_proj", ("out",))), ("ln_1", "ln_2"),
                  (r"mlp\.c_fc", r"mlp\.c_proj"))


def _single(source: str, target: str, layout: str = "as is") -> Rule:
    return Rule(rf"{WRAPPED}{source}", (target,), layout)


_CLIP_IN_TRANSFORMERS = (
    *_clip_tower("vision_model", ""), *_clip_tower("text_model", "text_"),
    _single(r"vision_model\.embeddings\.class_embedding", "tokens/class_token"),
    _single(r"vision_model\.embeddings\.position_embedding\.weight", "tokens/positions"),
    _single(r"vision_model\.embeddings\.patch_embedding\.weight", "patches/kernel", "kernel"),
    _single(r"text_model\.embeddings\.token_embedding\.weight", "text_tokens/embeddings"),
    _single(r"text_model\.embeddings\.position_embedding\.weight", "text_positions/embeddings"),
    *_norm(rf"{WRAPPED}vision_model\.pre_layrnorm", "first_norm"),
    *_norm(rf"{WRAPPED}vision_model\.post_layernorm", "norm"),
    *_norm(rf"{WRAPPED}text_model\.final_layer_norm", "text_norm"),
    _single(r"visual_projection\.weight", "image_projection/kernel", "transposed"),
    _single(r"text_projection\.weight", "text_projection/kernel", "transposed"),
)
_CLIP_OF_OPENAI = (
    *_openai_tower(r"visual\.", ""), *_openai_tower("", "text_"),
    _single(r"visual\.class_embedding", "tokens/class_token"),
    _single(r"visual\.positional_embedding", "tokens/positions"),
    _single(r"visual\.conv1\.weight", "patches/kernel", "kernel"),
    _single(r"token_embedding\.weight", "text_tokens/embeddings"),
    _single("positional_embedding", "text_positions/embeddings"),
    *_norm(rf"{WRAPPED}visual\.ln_pre", "first_norm"), *_norm(rf"{WRAPPED}visual\.ln_post", "norm"),
    *_norm(rf"{WRAPPED}ln_final", "text_norm"),
    _single(r"visual\.proj", "image_projection/kernel"), _single("text_projection", "text_projection/kernel"),
)

CLIP = Network((
    *_CLIP_IN_TRANSFORMERS, *_CLIP_OF_OPENAI, _single("logit_scale", "similarity/logit_scale", "squeezed"),
    Rule(r".*\.position_ids", why="counts 0, 1, 2, ...; nothing reads it"),
    Rule("input_resolution|context_length|vocab_size", why="sizes, which the arrays tell"),
))
"""Both towers of CLIP with a vision transformer."""

_DINOV2_PARTS = ((rf"{WRAPPED}(?:dinov2\.)?embeddings\.", ("cls_token", "position_embeddings",
                                                           r"patch_embeddings\.projection", "mask_token")),
                 (WRAPPED, ("cls_token", "pos_embed", r"patch_embed\.proj", "mask_token")))


def _dinov2() -> tuple[Rule, ...]:
    theirs, own = rf"{WRAPPED}(?:dinov2\.)?encoder\.layer\.(\d+)", rf"{WRAPPED}blocks\.(\d+)"
    rules = [
        *_block(theirs, "", (*((rf"attention\.attention\.{role}", (role,)) for role in _JOINED),
                             (r"attention\.output\.dense", ("out",))), ("norm1", "norm2"), (r"mlp\.fc1", r"mlp\.fc2")),
        *_block(own, "", ((r"attn\.qkv", _JOINED), (r"attn\.proj", ("out",))), ("norm1", "norm2"),
                (r"mlp\.fc1", r"mlp\.fc2")),
        *(Rule(rf"{source}\.{name.format(number)}", (rf"block\1_scale{number}/gamma",)) for number in (1, 2)
          for source, name in ((theirs, r"layer_scale{}\.lambda1"), (own, r"ls{}\.gamma"))),
        *_norm(rf"{WRAPPED}(?:dinov2\.)?(?:layernorm|norm)", "norm")]
    for before, (token, positions, patches, mask) in _DINOV2_PARTS:
        rules += [Rule(f"{before}{token}", ("tokens/class_token",), "squeezed"),
                  Rule(f"{before}{positions}", ("tokens/positions",), "squeezed"),
                  *_linear(f"{before}{patches}", "patches", layout="kernel"),
                  Rule(f"{before}{mask}", why="stands for hidden patches in DINOv2's own training; nothing reads it")]
    return tuple(rules)


DINOV2 = Network(_dinov2())
"""DINOv2 without registers, of any width and depth."""

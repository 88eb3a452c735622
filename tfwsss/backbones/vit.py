"""Vision transformers of CLIP and DINOv2 in one form, for pictures of any size."""

import dataclasses

import keras
from keras import layers

from tfwsss.backbones.transformer import BlockForm, block_layers, run_block
from tfwsss.layers.patches import PatchTokens, TokenMap, WholePatches
from tfwsss.ops.colours import DEVIATION, MEAN


@dataclasses.dataclass(frozen=True)
class ViTForm:
    """What vision transformers differ in.

    Args:
        block: of all blocks.
        depth: blocks.
        patch: side of a patch in pixels.
        grid: positions along each side of the table that the weights hold.
        patch_bias: whether the patches' features have a bias.
        first_norm: whether tokens are normalised before the first block.
        cubic: whether the table is resized by cubic weights.
        mean, deviation: of red, green and blue, in parts of 255.
    """

    block: BlockForm
    depth: int
    patch: int
    grid: int
    patch_bias: bool = False
    first_norm: bool = True
    cubic: bool = False
    mean: tuple[float, float, float] = MEAN
    deviation: tuple[float, float, float] = DEVIATION

    def narrowed(self, factor: float) -> "ViTForm":
        """Returns the form with so many times the channels: a multiple of the heads, at least one channel a head."""
        heads = self.block.heads
        width = max(1, round(self.block.width * factor / heads)) * heads
        return dataclasses.replace(self, block=self.block._replace(width=width))

    def get_config(self) -> dict:
        """Returns the form as JSON values."""
        return {**dataclasses.asdict(self), "block": self.block._asdict()}

    @classmethod
    def from_config(cls, config: dict) -> "ViTForm":
        """Returns the form that `get_config` described."""
        colours = {key: tuple(config[key]) for key in ("mean", "deviation")}
        return cls(**{**config, **colours, "block": BlockForm(**config["block"])})


def _dinov2(width: int) -> ViTForm:
    return ViTForm(BlockForm(width, width // 64, gelu=True, epsilon=1e-6, layer_scale=True), depth=12, patch=14,
                   grid=37, patch_bias=True, first_norm=False, cubic=True)


FORMS = {
    "clip_b16": ViTForm(BlockForm(768, 12), depth=12, patch=16, grid=14,
                        mean=(0.48145466, 0.4578275, 0.40821073), deviation=(0.26862954, 0.26130258, 0.27577711)),
    "dinov2_small": _dinov2(384),
    "dinov2_base": _dinov2(768),
}
"""The published ones: CLIP ViT-B/16 (86 M weights), DINOv2 ViT-S/14 (22 M) and ViT-B/14 (86 M)."""


def vit(form: ViTForm | str, *, width: float = 1.0, corners: bool = True, name: str | None = None) -> keras.Model:
    """Builds a vision transformer.

        z = [class ; patches] + positions,   z = block(z) depth times,   features = LN(z) of the patches

    Layers are named for their block and role, block0_query to block11_narrow, as published files number them; the
    output of `block4_attention` holds the mean of that block's heads, see `attention_means`. Multiply-adds of ViT-B
    for n tokens: 85 M n + 18 K n^2, that is 76 G for 500x375 pixels; memory of one block's attention 12 n^2 numbers.

        side of the maps = ceil(side / patch)

    Args:
        form: one of `FORMS`, or a form of one's own.
        width: float. Factor of the channels, for tests.
        corners: bool. Whether patches lie round every `patch`-th pixel, the first round the first, as the positions of
            other backbones; else they lie beside each other, as in the original programs.
        name: str or None. Name of the model; None: that of the form.

    Inputs:
        image: `(batch, row, column, 3)` RGB, 0 to 255, any size. Normalised inside, filled up to whole patches.

    Returns:
        keras.Model whose output is a dictionary: "features" and "classifier", both the patches' last tokens after
        their normalisation, `(batch, row', column', channel)`.

    Example:

    >>> model = vit("dinov2_small", width=1 / 64)
    >>> {key: tuple(value.shape) for key, value in sorted(model(keras.ops.ones((1, 29, 43, 3))).items())}
    {'classifier': (1, 3, 4, 6), 'features': (1, 3, 4, 6)}

    Reference: Dosovitskiy et al., ICLR 2021; Radford et al., CLIP, ICML 2021; Oquab et al., DINOv2, TMLR 2024.
    """
    name = name or (form if isinstance(form, str) else "vit")
    form = FORMS[form] if isinstance(form, str) else form
    form = form if width == 1 else form.narrowed(width)
    block = form.block
    image = keras.Input((None, None, 3), name="image")
    scale = [1 / (255 * each) for each in form.deviation]
    offset = [-mean / each for mean, each in zip(form.mean, form.deviation, strict=True)]
    x = layers.Rescaling(scale, offset=offset, name="subtract_mean")(image)
    x = WholePatches(form.patch, corners, name="whole_patches")(x)
    patches = layers.Conv2D(block.width, form.patch, form.patch, use_bias=form.patch_bias, name="patches")(x)
    tokens = PatchTokens(form.grid, form.cubic, name="tokens")(patches)
    if form.first_norm:
        tokens = layers.LayerNormalization(epsilon=block.epsilon, name="first_norm")(tokens)
    for number in range(form.depth):
        prefix = f"block{number}_"
        tokens, _ = run_block(block_layers(block, prefix), block, tokens, prefix=prefix)
    tokens = layers.LayerNormalization(epsilon=block.epsilon, name="norm")(tokens)
    features = TokenMap(name="features")(tokens, patches)
    return keras.Model(image, {"features": features, "classifier": features}, name=name)


def attention_means(model: keras.Model) -> list:
    """Returns the mean attention of each block, over its heads.

    Args:
        model: of `vit`.

    Returns:
        Symbolic tensors `(batch, 1 + patch, 1 + patch)`, for `keras.Model(model.input, ...)`; rows sum to 1.

    Example:

    >>> model = vit("clip_b16", width=1 / 64)
    >>> last = keras.Model(model.input, attention_means(model)[-1])
    >>> last(keras.ops.ones((1, 32, 48, 3))).shape
    TensorShape([1, 7, 7])
    """
    return [layer.output[1] for layer in model.layers if layer.name.endswith("_attention")]

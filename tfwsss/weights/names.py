"""Name rules: for each network, which array of a file goes to which variable, turned how, and which are left out."""

import difflib
from collections.abc import Iterable

from tfwsss.errors import UserError
from tfwsss.weights.rules import WRAPPED, Network, Rule
from tfwsss.weights.torchvision import RESNET50, RESNET101, VGG16, VGG16_TRUNK
from tfwsss.weights.transformer_names import CLIP, DINOV2


def network_named(name: str) -> Network:
    """Returns the rules of a network.

    Args:
        name: a key of `NETWORKS`.

    Returns:
        Its rules.

    Raises:
        UserError: there is no such network; the nearest name is given.

    Example:

    >>> network_named("vgg16_cls").rule_for("module.fc8.weight").places("module.fc8.weight")
    ('fc8/kernel',)
    """
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, 1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"no name rules for network {name!r}; {meant}known: {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name]


def likely_network(names: Iterable[str]) -> str | None:
    """Returns the network whose rules take the most of these names, or None where none takes half of them.

    Names that its rules leave out do not count. Of several that take as many, it is the one with the fewest places: a
    trunk alone is that of ImageNet.

    Args:
        names: names of a file's arrays.

    Returns:
        A key of `NETWORKS`.

    Example:

    >>> likely_network(["conv1_1.weight", "conv1_1.bias", "f8_3.weight"]), likely_network(["epoch"])
    ('vgg16_aff', None)
    """
    names = list(names)
    rules = {key: [rule for name in names if (rule := network.rule_for(name)) is not None]
             for key, network in NETWORKS.items()}
    taken = {key: sum(bool(rule.targets) for rule in found) for key, found in rules.items()}
    best = max(taken, key=lambda key: (taken[key], -sum(len(rule.targets) for rule in NETWORKS[key].rules)))
    counted = len(names) - (len(rules[best]) - taken[best])
    return best if taken[best] and 2 * taken[best] >= counted else None


def _convolutions(layers: str, *targets: str, bias: bool = True) -> tuple[Rule, ...]:
    """Returns rules for convolutions named alike in PyTorch (`.weight`), MXNet (`arg:`) and Caffe (`/0`)."""
    paths = targets or (r"\1",)
    kernels, biases = (tuple(f"{path}/{leaf}" for path in paths) for leaf in ("kernel", "bias"))
    spelled = ((rf"{WRAPPED}({layers})\.weight", rf"{WRAPPED}({layers})\.bias"),
               (rf"arg:({layers})_weight", rf"arg:({layers})_bias"), (rf"({layers})/0", rf"({layers})/1"))
    return tuple(rule for kernel, offset in spelled for rule in
                 (Rule(kernel, kernels, "kernel"), *([Rule(offset, biases)] if bias else [])))


def _normalisation(source: str, target: str) -> tuple[Rule, ...]:
    """Returns the rules for a batch norm in PyTorch's words."""
    return tuple(Rule(rf"{WRAPPED}{source}\.{theirs}", (f"{target}/{ours}",)) for theirs, ours in
                 (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"),
                  ("running_var", "moving_variance")))


_LEFT_OUT = (
    Rule(r".*num_batches_tracked", why="counts training steps; nothing reads it"),
    Rule(r"(?:optim|lr_sched|sched|scaler|amp)\w*\..*", why="state of the optimiser; training starts with a fresh one"),
    Rule(r"(?:loss|epoch|step|iteration)\w*", why="a number of the training"),
    Rule(r".*_extra_state", why="state of a layer beside its weights; nothing reads it"),
)
_VGG16_TRUNK = _convolutions(r"conv[1-5]_[1-3]")
_IMAGENET_HEAD = (Rule(r"(?:arg:)?(?:fc8\w*|prob|linear\w*)[_/.]\w+", why="classifier of ImageNet's classes"),)

_VGG16_ICD = (
    *_VGG16_TRUNK, *_convolutions("fc[678]"), *_convolutions("fc[67]_ft"), *_convolutions("conv_ft", bias=False),
    Rule("arg:icd_bu_weight", ("icd_bu/kernel",), "transposed"),
    Rule("arg:feat_bn_gamma", why="fixed at 1 whatever the file holds"),
    Rule("arg:feat_bn_beta", ("feat_bn/beta",)),
    Rule("aux:feat_bn_moving_mean", ("feat_bn/moving_mean",)),
    Rule("aux:feat_bn_moving_var", ("feat_bn/moving_variance",)),
    Rule("aux:icd_accum_resign_moving_mean", ("icd_accum_resign/moving_mean",)),
)

_RESNET38 = (
    *_convolutions("conv1a", bias=False),
    Rule(rf"{WRAPPED}(b\d(?:_\d)?)\.conv_(branch\w+)\.weight", (r"\1_conv_\2/kernel",), "kernel"),
    *_normalisation(r"(b\d(?:_\d)?)\.bn_(branch\w+)", r"\1_bn_\2"), *_normalisation("(bn7)", r"\1"),
)


def _resnet38_mxnet() -> tuple[Rule, ...]:
    """Returns the rules for MXNet's names of ResNet-38: `res2a` is block b2, `res2b1` is b2_1."""
    rules = []
    for first, block in (("a", r"b\1"), (r"b(\d)", r"b\1_\2")):
        branch = r"\2" if first == "a" else r"\3"
        rules.append(Rule(rf"arg:res(\d){first}_(branch\w+)_weight", (f"{block}_conv_{branch}/kernel",), "kernel"))
        rules += [Rule(rf"{room}:bn(\d){first}_(branch[12ab]+)_{theirs}", (f"{block}_bn_{branch}/{ours}",))
                  for room, theirs, ours in _MXNET_NORMALISATION]
    rules += [Rule(f"{room}:bn7_{theirs}", (f"bn7/{ours}",)) for room, theirs, ours in _MXNET_NORMALISATION]
    return tuple(rules)


_MXNET_NORMALISATION = (("arg", "gamma", "gamma"), ("arg", "beta", "beta"), ("aux", "moving_mean", "moving_mean"),
                        ("aux", "moving_var", "moving_variance"))
_FRESH_HEAD = "the head is trained from scratch"


def _resnet_v2(units: str) -> Network:
    """Returns the rules for the zoo's pre-activation ResNets, whose third stage has units of these numbers."""
    places = rf"stage[124]_unit\d|stage3_unit{units}"
    return Network((
        Rule(rf"arg:(conv0|(?:{places})_(?:conv[123]|sc))_weight", (r"\1/kernel",), "kernel"),
        Rule("arg:bn_data_gamma", why="fixed at 1 whatever the file holds"),
        *(Rule(rf"{room}:(bn_data|bn[01]|(?:{places})_bn[123])_{theirs}", (rf"\1/{ours}",))
          for room, theirs, ours in _MXNET_NORMALISATION),
        Rule("arg:fc1_(?:weight|bias)", why="classifier of ImageNet's classes")))


_AFFINITY = _convolutions("f8_[345]|f9", bias=False)

NETWORKS = {
    "vgg16_icd": Network(_VGG16_ICD, (("step", "counts the steps of the warm-up; released files have no such count"),)),
    "vgg16_icd_imagenet": Network(
        (*_VGG16_TRUNK, *_convolutions("fc[67]", r"\1", r"\1_ft"), *_IMAGENET_HEAD, *_LEFT_OUT),
        ((r"(?:fc8|conv_ft|feat_bn|icd_bu|icd_accum_resign)/.*|step", _FRESH_HEAD),)),
    "vgg16_imagenet": Network((*_VGG16_TRUNK, *_convolutions("fc[67]"), *_IMAGENET_HEAD, *_LEFT_OUT)),
    "vgg16_cls": Network((*_VGG16_TRUNK, *_convolutions("fc[67]"), *_convolutions("fc8", bias=False), *_LEFT_OUT)),
    "vgg16_aff": Network((*_VGG16_TRUNK, *_convolutions("fc[67]"), *_AFFINITY, *_LEFT_OUT, *(
        Rule(rf"{WRAPPED}(gn8_[345])\.{theirs}", (rf"\1/{ours}",))
        for theirs, ours in (("weight", "gamma"), ("bias", "beta"))))),
    "resnet38_cls": Network((*_RESNET38, *_convolutions("fc8", bias=False), *_LEFT_OUT)),
    "resnet38_aff": Network((*_RESNET38, *_AFFINITY, *_LEFT_OUT)),
    "resnet38_seam": Network((*_RESNET38, *_convolutions("fc8|f8_[34]|f9", bias=False), *_LEFT_OUT)),
    "resnet38_imagenet": Network((*_convolutions("conv1a", bias=False), *_resnet38_mxnet(), *_IMAGENET_HEAD),
                                 ((r"(?:fc8|f8_[345]|f9)/.*", _FRESH_HEAD),)),
    "resnet50_imagenet": _resnet_v2("[1-6]"),
    "resnet101_imagenet": _resnet_v2(r"\d+"),
    "torchvision_vgg16": VGG16, "torchvision_vgg16_mcis": VGG16_TRUNK,
    "torchvision_resnet50": RESNET50, "torchvision_resnet101": RESNET101,
    "clip": CLIP,
    "dinov2": DINOV2,
}
"""The networks whose files are understood."""

"""The Keras network that a foreign file fills, filled and saved."""

import dataclasses
import functools
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfwsss.backbones.resnet38 import resnet38
from tfwsss.backbones.resnet_v1 import resnet_v1
from tfwsss.backbones.resnet_v2 import resnet_v2
from tfwsss.backbones.vgg16 import reads_bgr, vgg16
from tfwsss.backbones.vit import FORMS, ViTForm, vit
from tfwsss.errors import UserError
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.classifier import Classifier
from tfwsss.models.clip import CHANNELS, TextForm, clip
from tfwsss.models.icd import ICD
from tfwsss.models.seam import SEAM
from tfwsss.weights.assign import assign
from tfwsss.weights.names import network_named
from tfwsss.weights.rules import Network, laid_out
from tfwsss.weights.torchvision import as_affinitynet_reads

ENDING = ".weights.h5"

_MOST_CLASSES = 4096
_MOST_CHANNELS = 2048
_MOST_PLACES = 2**16
_MOST_BLOCKS = 48
_ICD = ("icd.backbone.initial",)
_MCIS = ("mcis.backbone.initial",)
_AFFINITYNET = ("classifier.backbone.initial", "affinity.backbone.initial")

Size = Callable[..., int]       # layer, published channels[, most] -> channels of that layer in the file


def _filling(arrays: Mapping[str, np.ndarray], rules: Network, path: str) -> str | None:
    """Returns the name of the first array that goes to a variable."""
    for name in arrays:
        rule = rules.rule_for(name)
        if rule is not None and path in rule.places(name):
            return name
    return None


def _colours_as_read(model: keras.Model, arrays: Mapping[str, np.ndarray],
                     rules: Network) -> tuple[Mapping[str, np.ndarray], str | None]:
    """Turns VGG-16's first kernel where the file has blue first and the network red, or the reverse.

    Caffe and what was made from its files see blue first; MXNet's own files (`arg:`) see red first.
    """
    name = _filling(arrays, rules, "conv1_1/kernel")
    if name is None or arrays[name].ndim != 4 or name.startswith("arg:") != reads_bgr(model):
        return arrays, None
    how = "from RGB to BGR" if reads_bgr(model) else "from BGR to RGB"
    return {**arrays, name: arrays[name][:, ::-1]}, f"{name} {how}"


@dataclasses.dataclass(frozen=True)
class Target:
    """The Keras network that a file of some kind fills.

    Args:
        build: makes it, in the sizes that the file's arrays have.
        settings: where training takes the result.
        imagenet: the file holds no head of ours: only the backbone is saved, and the first
            kernel follows the colours that the network reads.
        prepare: model, arrays and rules to the arrays as it reads them, and what became of the first kernel.
    """

    build: Callable[[Size], keras.Model]
    settings: tuple[str, ...]
    imagenet: bool = False
    prepare: Callable[..., tuple[Mapping[str, np.ndarray], str | None]] = _colours_as_read


def _vgg16(size: Size, **form: Any) -> keras.Model:
    return vgg16(width=size("conv1_1", 64) / 64, head_channels=size("fc6", 1024), **form)


def _resnet38(size: Size) -> keras.Model:
    return resnet38(width=size("conv1a", 64) / 64)


def _resnet_v1(depth: int, size: Size) -> keras.Model:
    return resnet_v1(depth, width=size("conv1", 64) / 64)


def _resnet_v2(depth: int, size: Size) -> keras.Model:
    return resnet_v2(depth, width=size("conv0", 64) / 64)


def _icd(size: Size) -> keras.Model:
    return ICD(_vgg16(size), _classes(size), head_width=size("fc6_ft", 1024))


def _classifier(backbone: Callable[[Size], keras.Model], size: Size) -> keras.Model:
    return Classifier(backbone(size), _classes(size))


def _affinity_net(backbone: Callable[[Size], keras.Model], group_norm: bool, size: Size) -> keras.Model:
    widths = [size(f"f8_{number}", width) for number, width in ((3, 64), (4, 128), (5, 256))]
    return AffinityNet(backbone(size), widths=widths, group_norm=group_norm)


def _seam(size: Size) -> keras.Model:
    widths = [size(name, width) for name, width in (("f8_3", 64), ("f8_4", 128), ("f9", 192))]
    return SEAM(_resnet38(size), max(1, _classes(size) - 1), widths=widths)


def _classes(size: Size) -> int:
    """Returns the number of classes of the file's head; 1 where it has none, to tell what is missing."""
    return size("fc8", 1, _MOST_CLASSES)


def _dinov2(size: Size) -> keras.Model:
    return vit(_vit_form(FORMS["dinov2_small"], size), name="dinov2")


def _clip(size: Size) -> keras.Model:
    text = TextForm()
    block = text.block._replace(width=size("text_block0_query", text.block.width, _MOST_CHANNELS), heads=1)
    text = dataclasses.replace(text, block=block, depth=_depth(size, "text_block"))
    return clip(_vit_form(FORMS["clip_b16"], size), text, size("image_projection", CHANNELS, _MOST_CHANNELS))


def _vit_form(form: ViTForm, size: Size) -> ViTForm:
    """Returns a form with the file's width and depth; heads have no weights of their own, so that one will do."""
    width, places = size("patches", form.block.width, _MOST_CHANNELS), size("tokens", form.grid**2 + 1, _MOST_PLACES,
                                                                           "positions")
    return dataclasses.replace(form, block=form.block._replace(width=width, heads=1), depth=_depth(size, "block"),
                               grid=math.isqrt(places - 1) if places > 1 else 1)


def _depth(size: Size, blocks: str) -> int:
    """Counts the blocks of which the file has weights."""
    return next(number for number in range(_MOST_BLOCKS + 1)
                if number == _MOST_BLOCKS or not size(f"{blocks}{number}_out", 0, 1))


_RELEASED_VGG16 = functools.partial(_vgg16, form="affinitynet")

TARGETS = {
    "vgg16_icd": Target(_icd, _ICD),
    "vgg16_icd_imagenet": Target(_icd, _ICD, imagenet=True),
    "vgg16_imagenet": Target(_RELEASED_VGG16, _AFFINITYNET, imagenet=True),
    "vgg16_cls": Target(functools.partial(_classifier, _RELEASED_VGG16), _AFFINITYNET),
    "vgg16_aff": Target(functools.partial(_affinity_net, functools.partial(_RELEASED_VGG16, fc6_dilation=4), True),
                        _AFFINITYNET),
    "resnet38_cls": Target(functools.partial(_classifier, _resnet38), _AFFINITYNET),
    "resnet38_aff": Target(functools.partial(_affinity_net, _resnet38, False), _AFFINITYNET),
    "resnet38_seam": Target(_seam, ("seam.backbone.initial",)),
    "resnet38_imagenet": Target(_resnet38, (*_AFFINITYNET, "seam.backbone.initial"), imagenet=True),
    "resnet50_imagenet": Target(functools.partial(_resnet_v2, 50), _AFFINITYNET[:1], imagenet=True),
    "resnet101_imagenet": Target(functools.partial(_resnet_v2, 101), _AFFINITYNET[:1], imagenet=True),
    "torchvision_vgg16": Target(_RELEASED_VGG16, _AFFINITYNET, True, lambda model, arrays, rules: as_affinitynet_reads(
        model, arrays)),
    "torchvision_vgg16_mcis": Target(lambda size: vgg16(width=size("conv1_1", 64) / 64, form="mcis"), _MCIS, True,
                                     lambda model, arrays, rules: (arrays, None)),
    "torchvision_resnet50": Target(functools.partial(_resnet_v1, 50), _AFFINITYNET, imagenet=True),
    "torchvision_resnet101": Target(functools.partial(_resnet_v1, 101), _AFFINITYNET, imagenet=True),
    "clip": Target(_clip, ("clip.backbone.initial",)),
    "dinov2": Target(_dinov2, ("segmenter.backbone.initial", *_ICD), imagenet=True),
}
"""Each network of `weights.names.NETWORKS`, as ours."""


def convert(arrays: Mapping[str, np.ndarray], network: str, out: Path, *, force: bool = False,
            origin: str = "the file") -> dict[str, Any]:
    """Fills a network from a file's arrays and saves its weights for Keras.

    The network's widths and its number of classes are those of the arrays. All or
    nothing: `out` appears complete, or not at all.

    Args:
        arrays: name to array, as `read_weights` gives them.
        network: a key of `TARGETS`.
        out: the file to write, `.weights.h5`.
        force: whether an existing file is replaced.
        origin: the file that was read, for messages.

    Returns:
        "network"; "to"; "saved", "model" or "backbone"; "filled", "left_out" and "fresh", as `Account`
        has them; "turned", what became of the first kernel's colours, or None; "settings", names of
        settings that take the file.

    Raises:
        UserError: the network is not known, the arrays do not fit it, or `out` exists or cannot be written.
    """
    rules = network_named(network)
    _check_free(out, force)
    target = TARGETS[network]
    model = target.build(functools.partial(_size, arrays, rules))
    turned = None
    if target.imagenet:
        arrays, turned = target.prepare(model, arrays, rules)
    account = assign(model, arrays, network, origin)
    alone = target.imagenet and hasattr(model, "backbone")
    _save(model.backbone if alone else model, out)
    return {"network": network, "to": str(out), "saved": "backbone" if target.imagenet else "model",
            **dataclasses.asdict(account), "turned": turned, "settings": list(target.settings)}


def _size(arrays: Mapping[str, np.ndarray], rules: Network, layer: str, published: int, most: int = 0,
          leaf: str = "kernel") -> int:
    """Returns how many channels the file's kernel of a layer gives: `published` where there is no such kernel.

    Of other variables it is the first axis that counts. Never more than published (or than `most`), whatever an
    array claims: `assign` then tells the difference.
    """
    name = _filling(arrays, rules, f"{layer}/{leaf}")
    if name is None or arrays[name].ndim not in (2, 3, 4):     # (out, in), (1, out, in) or (out, in, row, column)
        return published
    rule, array = rules.rule_for(name), arrays[name]
    array = laid_out(array, "squeezed") if array.ndim == 3 else array
    turned = leaf == "kernel" and rule.layout == "as is"       # (in, out)
    return max(1, min(array.shape[-1] if turned else array.shape[0] // rule.parts, most or published))


def _check_free(out: Path, force: bool) -> None:
    """Refuses a name that Keras would not take, a folder that is not there and a file that is."""
    if not out.name.endswith(ENDING) or out.name == ENDING:
        raise UserError(f"--to {out}: Keras wants a name that ends in {ENDING}; "
                        f"try {out.with_name(out.name.split('.')[0] + ENDING) if out.name else 'out' + ENDING}")
    if not out.parent.is_dir():
        raise UserError(f"--to {out}: no folder {out.parent}; make it first")
    if out.is_dir():
        raise UserError(f"--to {out}: is a folder; name a file")
    if out.exists() and not force:
        raise UserError(f"--to {out}: exists already; name another file, or replace it by --force")


def _save(model: keras.Model, out: Path) -> None:
    """Writes the weights aside and gives them their name when they are complete."""
    try:
        with tempfile.TemporaryDirectory(prefix=".convert-", dir=out.parent) as folder:
            aside = Path(folder) / out.name
            model.save_weights(aside)
            os.replace(aside, out)
    except (OSError, RuntimeError) as error:                   # HDF5 reports a full disk as either
        raise UserError(f"--to {out}: cannot be written ({error}); check the folder and the space left") from error

"""Names of torchvision's networks, and its VGG-16 as this package's forms read it."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfwsss.backbones.thinning import dense_as_convolutions
from tfwsss.weights.rules import Network, Rule

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue from 0 to 1, by which torchvision's networks normalise."""

_PLACES = dict(zip("0 2 5 7 10 12 14 17 19 21 24 26 28".split(), (
    f"conv{block}_{number}" for block, count in enumerate((2, 2, 3, 3, 3), 1) for number in range(1, count + 1)),
    strict=True))
_DENSE = {"classifier.0": "fc6", "classifier.3": "fc7"}
_FIRST = "features.0.weight"
_HEAD = Rule(r"(?:fc|classifier\.6)\.(?:weight|bias)", why="classifier of ImageNet's classes")
_COUNT = Rule(r".*num_batches_tracked", why="counts training steps; nothing reads it")
_NORMS = (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance"))


def _layers(places: Mapping[str, str]) -> tuple[Rule, ...]:
    """Returns the rules of layers with kernel and bias."""
    return tuple(rule for theirs, ours in places.items() for rule in (
        Rule(rf"{re.escape(theirs)}\.weight", (f"{ours}/kernel",), "kernel"),
        Rule(rf"{re.escape(theirs)}\.bias", (f"{ours}/bias",))))


def _resnet(units: str) -> Network:
    """Returns the rules of a ResNet whose third stage has units of these numbers."""
    unit = rf"(layer(?:[124](?=\.\d\.)|3(?=\.{units}\.)))\.(\d+)"
    rules = [Rule(r"conv1\.weight", ("conv1/kernel",), "kernel"),
             Rule(rf"{unit}\.(conv\d)\.weight", (r"\1_\2_\3/kernel",), "kernel"),
             Rule(rf"{unit}\.downsample\.0\.weight", (r"\1_\2_downsample_conv/kernel",), "kernel")]
    for theirs, ours in _NORMS:
        rules += [Rule(rf"bn1\.{theirs}", (f"bn1/{ours}",)),
                  Rule(rf"{unit}\.(bn\d)\.{theirs}", (rf"\1_\2_\3/{ours}",)),
                  Rule(rf"{unit}\.downsample\.1\.{theirs}", (rf"\1_\2_downsample_bn/{ours}",))]
    return Network((*rules, _HEAD, _COUNT))


_TRUNK = _layers({f"features.{place}": name for place, name in _PLACES.items()})

VGG16 = Network((*_TRUNK, *_layers(_DENSE), _HEAD), ((r"fc[67]/.*", "the file has no fully connected layers"),))
"""Trunk and, thinned, the fully connected layers as fc6 and fc7."""

VGG16_TRUNK = Network((*_TRUNK, Rule(r"classifier\..*", why="MCIS has other layers behind the trunk")),
                      ((r"extra\d/.*", "trained from scratch, as published"),))
"""The trunk alone, for MCIS, whose network normalises as torchvision's."""

RESNET50, RESNET101 = _resnet("[0-5]"), _resnet(r"\d+")
"""All layers but the classifier."""


def as_affinitynet_reads(model: Any, arrays: Mapping[str, np.ndarray]) -> tuple[Mapping[str, np.ndarray], str | None]:
    """Turns torchvision's VGG-16 into what sees blue first and colours from 0 to 255 less their means.

        kernel' = kernel / (255 s),  bias' = bias + sum kernel' (M - 255 m)

    for its mean m and deviation s and the model's mean M of each colour: equal but for rounding wherever no zeros are
    padded. The fully connected layers become convolutions, every n-th number kept.

    Args:
        model: with a layer `subtract_mean`, of the form of AffinityNet.
        arrays: of the file, by torchvision's names.

    Returns:
        Arrays of the same names, and what became of the first kernel; nothing where its shape is another.
    """
    made = dict(arrays)
    dense = [made.get(f"{name}.{leaf}") for name in _DENSE for leaf in ("weight", "bias")]
    last = made.get("features.28.weight")
    if all(array is not None and array.ndim == dims for array, dims in zip(dense, (2, 1, 2, 1), strict=True)) and \
            last is not None and last.ndim == 4 and dense[0].shape[1] % last.shape[0] == 0:
        made |= _as_convolutions(dense, last.shape[0], model.get_layer("fc6").filters)
    kernel, bias = made.get(_FIRST), made.get("features.0.bias")
    if kernel is None or bias is None or kernel.ndim != 4 or kernel.shape[1] != 3 or bias.shape != kernel.shape[:1]:
        return made, None                                      # `assign` tells what is wrong
    kernel = np.asarray(kernel, np.float64) / (255 * np.array(DEVIATION))[:, None, None]       # (out, red first, ...)
    means = -np.array(model.get_layer("subtract_mean").offset)[::-1]                           # red first
    shift = (kernel * (means - 255 * np.array(MEAN))[:, None, None]).sum((1, 2, 3))
    made |= {_FIRST: kernel[:, ::-1].astype(np.float32), "features.0.bias": (bias + shift).astype(np.float32)}
    return made, f"{_FIRST} from RGB to BGR, and from torchvision's scale to colours of 0 to 255"


def _as_convolutions(dense: list[np.ndarray], channels: int, kept: int) -> dict[str, np.ndarray]:
    """Returns fc6 and fc7 under the names of the fully connected layers, (out, in, row, column)."""
    first, offset, second, further = dense
    side = round((first.shape[1] / channels) ** 0.5)
    rows = first.reshape(len(first), channels, side, -1).transpose(2, 3, 1, 0).reshape(-1, len(first))
    found = dense_as_convolutions([rows, offset], [second.T, further], channels, min(kept, len(first), len(second)))
    return {name: array for theirs, ours in _DENSE.items() for name, array in (
        (f"{theirs}.weight", found[ours][0].transpose(3, 2, 0, 1)), (f"{theirs}.bias", found[ours][1]))}

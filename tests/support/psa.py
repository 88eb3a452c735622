"""Weights and images of AffinityNet's recorded numbers, made by the rule that the fixtures' description gives.

A tensor is drawn from its name in the original's words, so no file of weights is kept. Recorded here:
`psa_even_vgg16_cls.npz` and `psa_grad_resnet38_cls.npz` are whole copies of the shared files of those names;
`psa_resnet38_aff.npz` holds `image`, `aff`, `stat_names` and `stat_values` of the shared `resnet38_aff.npz`.
"""

import re
import zlib

import numpy as np

from tfwsss.weights.assign import Account, assign, turned

SEED = 20180328
_LEAVES = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
           "moving_variance": "running_var"}


def tensor(net: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the array of one name, kernels (out, in, row, column)."""
    random = np.random.RandomState((zlib.crc32(f"{net}/{name}".encode()) ^ SEED) & 0x7FFFFFFF)
    *block, layer, leaf = name.split(".")
    if leaf == "running_var":
        return (0.5 + random.random_sample(shape)).astype(np.float32)
    if leaf == "running_mean" or (layer.startswith(("bn", "gn")) and leaf == "bias"):
        return (0.1 * random.standard_normal(shape)).astype(np.float32)
    if layer.startswith(("bn", "gn")):
        return (0.75 + 0.5 * random.random_sample(shape)).astype(np.float32)
    if leaf == "bias":
        return (0.05 * random.standard_normal(shape)).astype(np.float32)
    gains = {"conv_branch2b1": 1.0 if block in (["b6"], ["b7"]) else 0.5, "conv_branch2b2": 0.5, "conv_branch1": 0.7,
             "conv1_1": 0.02}
    values = random.standard_normal(shape)
    values *= gains.get(layer, 1.0) * np.sqrt(2 / np.prod(shape[1:]))        # in place: 0.15 GB of ResNet-38
    return values.astype(np.float32)


def shapes(model) -> dict[str, tuple[int, ...]]:
    """Returns the original's names of a model's arrays, and their shapes."""
    found = {}
    for weight in model.weights:
        layer, leaf = weight.path.split("/")[-2:]
        name = re.sub(r"^(b\d(?:_\d)?)_(conv|bn)", r"\1.\2", layer) + f".{_LEAVES.get(leaf, leaf)}"
        shape = tuple(weight.shape)
        found[name] = shape[:1:-1] + shape[:2] if leaf == "kernel" else shape
    return found


def state(model, network: str) -> dict[str, np.ndarray]:
    """Returns the original's dictionary of a network of the model's size, `network` such as `vgg16_cls`."""
    return {name: tensor(network.split("_")[0], name, shape) for name, shape in shapes(model).items()}


def fill(model, network: str) -> Account:
    """Fills a model by the name rules of its network, as a released file would, but with one array at a time."""
    named = shapes(model)
    account = assign(model, {name: np.broadcast_to(np.float32(0), shape) for name, shape in named.items()}, network)
    for weight in model.weights:
        name = account.filled[weight.path]
        weight.assign(turned(tensor(network.split("_")[0], name, named[name]), "kernel"))
    return account


def worst(found, expected) -> float:
    """Returns the largest difference, as a share of the expected array's largest value."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())

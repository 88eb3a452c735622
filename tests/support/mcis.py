"""Weights of MCIS' recorded numbers, made by the rule that the fixtures' description gives, and their places here."""

import zlib

import numpy as np

_TRUNK = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7, "conv3_1": 10, "conv3_2": 12, "conv3_3": 14,
          "conv4_1": 17, "conv4_2": 19, "conv4_3": 21, "conv5_1": 24, "conv5_2": 26, "conv5_3": 28}
_LAYERS = {**{layer: f"vgg.features.{place}" for layer, place in _TRUNK.items()},
           **{f"extra{i}": f"vgg.extra_convs.{2 * i - 2}" for i in (1, 2, 3)}, "fc8": "vgg.extra_last_conv",
           "similarity": "extra_linear_e", "classes": "extra_gate", "gate": "extra_gate_merge"}


def torch_name(path: str) -> str:
    """Returns the original's name of one of our variables."""
    layer, leaf = path.split("/")[-2:]
    return f"{_LAYERS[layer]}.{'weight' if leaf == 'kernel' else leaf}"


def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the array of one name, kernels (out, in, row, column)."""
    random = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
    if name.endswith("bias"):
        deviation = 0.02
    elif name == "extra_linear_e.weight":
        deviation = 0.06
    else:
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        deviation *= 0.2 if name in ("vgg.extra_last_conv.weight", "extra_gate.weight") else 1.0
    return (random.standard_normal(shape) * deviation).astype(np.float16).astype(np.float32)


def fill(model) -> None:
    """Gives every variable of a network, but the count of steps, its array."""
    for weight in model.weights:
        if weight.path.endswith(("kernel", "bias")):
            shape = tuple(weight.shape)
            order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[len(shape)]
            original = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
            weight.assign(tensor(torch_name(weight.path), original).transpose(order))

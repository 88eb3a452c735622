"""Initial weights by layer name, from a Keras file, an ImageNet network or a dictionary of arrays."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from tfwsss.backbones.facts import FACTS, facts_of
from tfwsss.backbones.thinning import dense_as_convolutions
from tfwsss.backbones.vgg16 import reads_bgr
from tfwsss.errors import UserError
from tfwsss.weights.formats.hdf5 import read_layers

Arrays = dict[str, list[np.ndarray]]       # layer name -> its arrays in order of creation


def _read_file(path: Path) -> Arrays:
    """Reads a `.weights.h5`, `.h5` or `.keras` file; nothing in it is followed outside or executed."""
    if not path.is_file():
        raise UserError(f"{path}: no such weight file; name an existing .weights.h5 or .keras file, or leave it out")
    try:
        found = read_layers(path)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise UserError(f"{path}: not a weight file of Keras ({reason}); expected .weights.h5 or .keras") from error
    if not found:
        raise UserError(f"{path}: holds no layer names; expected a .weights.h5 or .keras file saved by Keras 3")
    return found


def fetch_imagenet(name: str) -> Arrays:
    """Lets Keras fetch (or find in its cache) the ImageNet weights of a backbone.

    Args:
        name: str. Of the backbone.

    Returns:
        Layer name to its arrays.

    Raises:
        UserError: there are none, or Keras cannot fetch them.
    """
    facts = facts_of(name)
    if facts.imagenet is None:
        known = [name for name, each in FACTS.items() if each.imagenet]
        raise UserError(f"initial weights 'imagenet': none exist for backbone {name!r}; "
                        f"use one of {', '.join(known)} or leave the setting empty")
    try:
        build = getattr(keras.applications, facts.imagenet)
        model = build(include_top=bool(facts.heads), weights="imagenet", input_shape=(224, 224, 3))
    except Exception as error:                                 # Keras wraps every failed download in a bare Exception
        raise UserError(f"initial weights 'imagenet': Keras could not fetch them ({error}); "
                        "name a file with these weights instead") from error
    return {layer.name: [np.asarray(value) for value in layer.get_weights()] for layer in model.layers}


def _as_ours(backbone: keras.Model, arrays: Arrays) -> Arrays:
    """Renames Keras' VGG-16 to ours, turns its first kernel from BGR to RGB, and makes fc6 and fc7 of its dense layers.

    What is not of Keras' VGG-16, or for another backbone, stays as it is.
    """
    if "block1_conv1" not in arrays or backbone.name.split("_")[0] != "vgg16":
        return arrays
    renamed = {name.replace("block", "conv").replace("_conv", "_"): value for name, value in arrays.items()}
    known = {layer.name for layer in backbone.layers}
    further = {name for name, values in renamed.items() if name.startswith("conv") and values} - known
    if further:
        raise UserError(f"initial weights: {min(further)} has no place in vgg16; is the file that of VGG-19?")
    if not reads_bgr(backbone):
        kernel, bias = renamed["conv1_1"]
        renamed["conv1_1"] = [kernel[:, :, ::-1], bias]
    if "fc1" in arrays and "fc2" in arrays and "fc6" in known:
        renamed |= dense_as_convolutions(arrays["fc1"], arrays["fc2"], renamed["conv5_3"][0].shape[-1],
                                         backbone.get_layer("fc6").filters)
    return renamed


def _by_path(backbone: keras.Model, arrays: Arrays) -> dict[str, np.ndarray]:
    """Gives each variable's path the array of its place in its layer."""
    wanted = {}
    for layer in backbone.layers:
        values = arrays.get(layer.name, []) if layer.weights else []
        if values and len(values) != len(layer.weights):
            raise UserError(f"initial weights: layer {layer.name!r} holds {len(values)} arrays; "
                            f"expected {len(layer.weights)}; is the file of another network?")
        wanted.update(zip((weight.path for weight in layer.weights), values, strict=False))
    return wanted


def load_initial(backbone: keras.Model, source: str | Path | Mapping[str, np.ndarray] | None,
                 optional: Sequence[str] = ()) -> tuple[str, ...]:
    """Fills a backbone with initial weights, matched by the names of its layers.

    Every variable must be found with its own shape, unless `optional` names it;
    nothing is changed where one is not. Arrays that the backbone has no place
    for are left out. VGG-16 of `keras.applications` fills ours, its dense layers
    thinned to fc6 and fc7 (`dense_as_convolutions`).

    Args:
        backbone: keras.Model. One of this package's backbones.
        source: "imagenet", a `.weights.h5`, `.h5` or `.keras` file, a dictionary
            from variable path (`conv1_1/kernel`) to array, or None for nothing.
        optional: patterns of layer names that may be missing or differ in shape
            (`fc*` of VGG-16 where a file of Keras has no dense layers, and layers that no ImageNet network has:
            added by itself).

    Returns:
        Paths of the variables that were left as they are.

    Raises:
        UserError: a missing file, a missing layer or a wrong shape, with names and shapes.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> model = small(width=0.1)
    >>> load_initial(model, {weight.path: np.zeros(weight.shape) for weight in model.weights})
    ()
    """
    if source is None:
        return tuple(weight.path for weight in backbone.weights)
    if isinstance(source, Mapping):
        where, arrays = "initial weights", {path: np.asarray(value) for path, value in source.items()}
    else:
        where = str(source)
        named = fetch_imagenet(backbone.name) if str(source) == "imagenet" else _read_file(Path(source))
        optional = (*optional, *(each for each in facts_of(backbone.name).fresh if not fnmatch.filter(named, each)))
        if "block1_conv1" in named and "fc1" not in named:
            optional = (*optional, "fc*")
        arrays = _by_path(backbone, _as_ours(backbone, named))
    filled, left = [], []
    for weight in backbone.weights:
        array, layer = arrays.get(weight.path), weight.path.split("/")[0]
        allowed = any(fnmatch.fnmatchcase(layer, pattern) for pattern in optional)
        if array is not None and tuple(array.shape) == tuple(weight.shape):
            filled.append((weight, array))
        elif allowed:
            left.append(weight.path)
        else:
            received = "nothing" if array is None else f"shape {tuple(array.shape)}"
            raise UserError(f"{where}: {received} for {weight.path} of {backbone.name}; expected shape "
                            f"{tuple(weight.shape)}; use weights of the same network and width")
    for weight, array in filled:
        weight.assign(array)
    return tuple(left)

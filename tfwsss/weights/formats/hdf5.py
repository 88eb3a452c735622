"""Keras' own weight files, read as names and arrays; nothing in them is followed outside or executed."""

import itertools
from pathlib import Path

import numpy as np

from tfwsss.weights.formats.hdf5_layout import Layout, Messages
from tfwsss.weights.formats.source import Source
from tfwsss.weights.formats.zipped import ZIP_MAGIC, stored_records

_WEIGHTS = "model.weights.h5"
_MAX_DEPTH = 64

Place = tuple[str, ...]
"""Names of groups from the root down to an entry."""


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.weights.h5`, an older `.h5` or a `.keras` file.

    Args:
        path: the file; of a `.keras` archive only the weights are opened.

    Returns:
        Path inside the file (`layers/conv2d/vars/0`) to read-only array, sorted
        by path. Where a layer bears a name of its own, that stands in place of
        `layers/conv2d`; of two layers of one name the second keeps its path.

    Raises:
        UserError: the file is broken, refers to other files, or claims more than it holds; the entry is named.
    """
    layout = _opened(path)
    arrays, groups = _gathered(layout)
    owns, found = _own_names(layout, groups), {}
    for place, array in arrays.items():
        inside, own = "/".join(place), owns.get(place[:-1])
        title = f"{own}/vars/{place[-1]}" if own else inside
        found[inside if title in found else title] = array
    return dict(sorted(found.items()))


def read_layers(path: Path) -> dict[str, list[np.ndarray]]:
    """Reads the same files by the names of their layers.

    Args:
        path: the file; of a `.keras` archive only the weights are opened.

    Returns:
        Layer's own name to its read-only arrays, in the order in which they were made; of several layers of one
        name the last counts. Empty where the file names no layer.

    Raises:
        UserError: as `read_hdf5`, or a layer's array is missing.
    """
    layout = _opened(path)
    arrays, groups = _gathered(layout)
    older = _listed(layout, groups.get((), []), "layer_names", "root")
    if older is not None:                                  # layout before Keras 3
        return {layer: [_named(layout, arrays, layer, weight) for weight in
                        _listed(layout, groups.get((layer,), []), "weight_names", layer) or ()] for layer in older}
    numbered: dict[Place, dict[int, np.ndarray]] = {}
    for place, array in arrays.items():
        if place and place[-1].isdecimal():
            numbered.setdefault(place[:-1], {})[int(place[-1])] = array
    return {own: [array for _, array in sorted(numbered.get(place, {}).items(), key=lambda item: item[0])]
            for place, own in _own_names(layout, groups).items()}


def _opened(path: Path) -> Layout:
    source = Source.open(path)
    if bytes(source.data[:4]) == ZIP_MAGIC:
        record = stored_records(source).get(_WEIGHTS)
        if record is None:
            raise source.fault("archive", f"holds no {_WEIGHTS}", "give a .keras file that Keras 3 saved")
        source = Source(path, record())
    return Layout(source)


def _gathered(layout: Layout) -> tuple[dict[Place, np.ndarray], dict[Place, Messages]]:
    """Returns the file's arrays, and what its groups say, by their places."""
    arrays, groups = {}, {}

    def visit(address: int, place: Place) -> None:
        entry = "/".join(place) or "root"
        messages = layout.messages(address, entry)
        links = layout.links(messages, entry)
        if links is None:
            arrays[place] = layout.array(messages, entry)
            return
        if len(place) > _MAX_DEPTH:
            raise layout.source.fault(entry[:300], f"over {_MAX_DEPTH} levels of groups")
        groups[place] = messages
        for key, inner in links:
            visit(inner, (*place, key))

    visit(layout.root, ())
    return arrays, groups


def _own_names(layout: Layout, groups: dict[Place, Messages]) -> dict[Place, str]:
    """Returns the names that layers bear, by the places of their variables."""
    names = {place: layout.text(messages, b"name", "/".join(place)) for place, messages in groups.items()
             if place and place[-1] == "vars"}
    return {place: name for place, name in names.items() if name}


def _listed(layout: Layout, messages: Messages, name: str, entry: str) -> list[str] | None:
    """Returns the texts of an attribute; long ones lie in several, numbered from 0."""
    whole = layout.texts(messages, name.encode(), entry)
    if whole is not None:
        return whole
    parts: list[str] = []
    for number in itertools.count():
        part = layout.texts(messages, f"{name}{number}".encode(), entry)
        if part is None:
            return parts if number else None
        parts += part
    return None


def _named(layout: Layout, arrays: dict, layer: str, weight: str) -> np.ndarray:
    array = arrays.get((layer, *weight.split("/")))
    if array is None:
        raise layout.source.fault(f"{layer}/{weight}"[:300], "is named, but not there")
    return array

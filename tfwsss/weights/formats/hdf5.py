"""Keras' own weight files, read as names and arrays; nothing in them is followed outside or executed."""

from pathlib import Path

import numpy as np

from tfwsss.weights.formats.hdf5_layout import Layout
from tfwsss.weights.formats.source import Source
from tfwsss.weights.formats.zipped import ZIP_MAGIC, stored_records

_WEIGHTS = "model.weights.h5"
_MAX_DEPTH = 64


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
    source = Source.open(path)
    if bytes(source.data[:4]) == ZIP_MAGIC:
        record = stored_records(source).get(_WEIGHTS)
        if record is None:
            raise source.fault("archive", f"holds no {_WEIGHTS}", "give a .keras file that Keras 3 saved")
        source = Source(path, record())
    layout = Layout(source)
    found: dict[str, np.ndarray] = {}
    _collect(layout, layout.root, (), None, found)
    return dict(sorted(found.items()))


def _collect(layout: Layout, address: int, name: tuple[str, ...], own: str | None, found: dict) -> None:
    """Gathers the arrays at and below an entry; `own` is the name that its layer bears."""
    path = "/".join(name)
    messages = layout.messages(address, path or "root")
    links = layout.links(messages, path or "root")
    if links is None:
        title = f"{own}/vars/{name[-1]}" if own else path
        found[path if title in found else title] = layout.array(messages, path)
        return
    if len(name) > _MAX_DEPTH:
        raise layout.source.fault(path[:300], f"over {_MAX_DEPTH} levels of groups")
    own = layout.text(messages, b"name", path) if name and name[-1] == "vars" else None
    for key, place in links:
        _collect(layout, place, (*name, key), own, found)

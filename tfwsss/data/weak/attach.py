"""Reads the weak labels of a data set, holds them against its tags, and completes these."""

import concurrent.futures
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfwsss.data import reading
from tfwsss.data.naming import files_of, index_images, resolve
from tfwsss.data.weak.forms import FORMS, Source, open_source
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.weak.placing import OUTSIDE, Label, place
from tfwsss.data.weak.told import Told
from tfwsss.data.weak_labels import FIELDS, FILES, classes_of
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE, voc_palette

_THREADS = 8


class WeakLabels(NamedTuple):
    """The weak labels of a data set, by image name.

    Args:
        labels: image-level labels, those that follow from weak labels included.
        found: field of `ImageSet` -> name -> labels, or file of labels.
        faults: messages of images that go without their labels of a kind.
    """

    labels: dict[str, tuple[int, ...]]
    found: Mapping[str, Mapping[str, Any]]
    faults: Mapping[str, str]

    def of(self, names: Iterable[str], faults: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Returns what an `ImageSet` of some of the names takes as keywords.

        Args:
            names: of the images of the set.
            faults: name -> message of those that were left out.
        """
        names = tuple(names)
        without = {name: f"{self.faults[name]}. The image is used without these labels" for name in names
                   if name in self.faults}
        return {key: {name: labels[name] for name in names if name in labels} for key, labels in self.found.items()} \
            | {"labels": {name: self.labels[name] for name in names}, "faults": {**without, **faults}}


def read_weak_labels(files: LabelFiles, images: Mapping[str, Path], classes: Sequence[str],
                     labels: Mapping[str, tuple[int, ...]], palette: np.ndarray | None = None,
                     beside: Sequence[tuple[str, Path, Source]] = ()) -> WeakLabels:
    """Reads weak labels and holds them against the tags.

    The tags of an image that has none are the classes of its weak labels. Where
    it has tags, they stand:

    * a box of another class: the image goes without its boxes, since what lies
      outside of all boxes may be taken for background; its message is a fault;
    * points and scribbles of another class are left out, counted once for all;
    * a tag without a box where others have one is counted once for all.

    An annotation that is broken, made for another size, or of an unknown class
    is a fault too: the image goes without its labels of that kind, or is left
    out of the data set where nothing else tells its tags.

    Args:
        files: where they lie, see `LabelFiles.below`.
        images: name -> file, of the images asked for.
        classes: class names, background first.
        labels: image-level labels of those that have some, as given.
        palette: uint8 `(256, 3)`, colours of the mask ids; None: the usual ones.
        beside: kind, file and labels of further ones, by names of images.

    Returns:
        The weak labels.

    Raises:
        UserError: a file cannot be read as a whole, no name in it fits, two names fit one image, or most of what it
            holds cannot be used.
    """
    faults: dict[str, list[str]] = {}
    found: dict[str, dict[str, Any]] = {}
    named = [(kind, path, Source(index_images(path), None) if kind == "full_masks" else
              open_source(kind, path, classes, files.difficult), files.needed) for kind, path in files.places.items()]
    for kind, path, source, needed in [*named, *((*each, False) for each in beside)]:
        told = Told(f"data.{kind}", path, FORMS[kind])
        entries = _fitting(kind, path, source.entries, images, told, needed)
        if source.read is None:
            key, found_here = kind if kind == "full_masks" else "scribble_masks", entries
        else:
            placed = _placed(kind, path, source, entries, images, classes, told)
            key, found_here = kind, _agreeing(kind, placed, labels, classes, told)
        found[key] = found_here
        told.close(len(found_here), len(images), needed)
        for name, message in told.faults.items():
            faults.setdefault(name, []).append(message)
    tags = dict(labels)
    for name in images:
        if not tags.get(name):
            own = _tags(name, found, len(classes) - 1, voc_palette() if palette is None else palette, faults)
            tags |= {name: own or ()} if own is not None or files.untagged else {}
    return WeakLabels(tags, found, {name: "; ".join(messages) for name, messages in faults.items()})


def _fitting(kind: str, path: Path, entries: Mapping[str, Any], images: Mapping[str, Path],
             told: Told, needed: bool) -> dict[str, Any]:
    """Returns the entries by the names of the images that they mean, in the order of the images."""
    by_file = files_of(images)
    fitting: dict[str, Any] = {}
    for written, entry in entries.items():
        name = resolve(written, images, by_file)
        if name in fitting:
            raise UserError(f"data.{kind}: {path} names the image {name!r} in two ways, once {written!r}; keep one")
        if name is not None:
            fitting[name] = entry
    if needed and not fitting:
        first = next(iter(images), "")
        raise UserError(f"data.{kind}: {path} names none of {len(images)} images; they are named like {first!r}, its "
                        f"labels like {next(iter(entries), '')!r}")
    told.others = len(entries) - len(fitting)
    return {name: fitting[name] for name in images if name in fitting}


def _placed(kind: str, path: Path, source: Source, entries: Mapping[str, Any], images: Mapping[str, Path],
            classes: Sequence[str], told: Told) -> dict[str, tuple[Label, ...]]:
    def look(name: str) -> tuple[tuple[Label, ...], Counter[str]] | ImageFault:
        where = str(entries[name]) if isinstance(entries[name], Path) else f"{path}, {name!r}"
        try:
            return place(kind, where, source.read(where, entries[name]), classes, reading.read_size(images[name]))
        except ImageFault as fault:
            return fault

    found = {}
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        for name, result in zip(entries, pool.map(look, entries), strict=True):
            if isinstance(result, ImageFault):
                told.fault(name, str(result))
            elif result[0] or result[1]:
                found[name] = result[0]
                told.note(name, result[1])
    outside, count = told.counts[OUTSIDE.get(kind, "")], sum(map(len, found.values()))
    if outside > count:
        raise UserError(f"data.{kind}: {outside} of {outside + count} {kind} of {path} lie outside of their image; "
                        f"expected {FORMS[kind]}")
    return {name: labels for name, labels in found.items() if labels}


def _agreeing(kind: str, found: Mapping[str, tuple[Label, ...]], labels: Mapping[str, tuple[int, ...]],
              classes: Sequence[str], told: Told) -> dict[str, tuple[Label, ...]]:
    """Leaves out what contradicts the tags of images that have some."""
    agreeing = {}
    for name, placed in found.items():
        tags = {label + 1 for label in labels.get(name, ())}
        own = classes_of(placed)
        strange = sorted(own - tags) if tags else []
        if strange and kind == "boxes":
            told.fault(name, f"{told.path}, {name!r}: a box of {classes[strange[0]]!r}, but its tags are "
                             f"{', '.join(classes[tag] for tag in sorted(tags))}; add the tag or strike the box")
            continue
        if strange:
            told.note(name, {f"{kind} of a class that is none of their image's tags are left out":
                             sum(label.class_id in strange for label in placed)})
            placed = tuple(label for label in placed if label.class_id not in strange)
        if kind == "boxes" and tags - own:
            told.note(name, {"images have a tag without a box: outside of all boxes not everything is background": 1})
        if placed:
            agreeing[name] = placed
    return agreeing


def _tags(name: str, found: Mapping[str, Mapping[str, Any]], num_classes: int, palette: np.ndarray,
          faults: dict[str, list[str]]) -> tuple[int, ...] | None:
    """Returns the labels that follow from the weak labels of an image; None where it has none."""
    known = [classes_of(found[kind][name]) for kind in FIELDS if name in found.get(kind, {})]
    for key in FILES:
        if name in found.get(key, {}):
            try:
                drawn = reading.read_class_ids(found[key][name], palette, num_classes)
                known.append(set(drawn.ravel().tolist()) - {0, IGNORE})
            except ImageFault as fault:
                faults.setdefault(name, []).append(str(fault))
    return tuple(sorted(value - 1 for value in set().union(*known))) if known else None

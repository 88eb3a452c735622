"""A data set as the rest of the project sees it: names, files, image-level labels."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tfwsss.artefacts import identity
from tfwsss.data import reading
from tfwsss.data.weak_labels import FIELDS, FILES, SUPERVISION, Box, Point, Scribble, check_weak_labels
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE, own_colours

BACKGROUND = "background"
"""Name of mask id 0 in every data set."""

_BY_NAME = ("images", "labels", "masks", "saliency", *FIELDS, *FILES)


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Names, files and image-level labels of a data set, in one order.

    Labels count from 0 without background; masks count from 0 with background,
    so label c is mask id c + 1.

    Args:
        names: unique names in the order of the list that gave them.
        root: folder of the data set.
        classes: class names in the order of their mask ids; the first is "background".
        palette: uint8 `(256, 3)`, colours of the mask ids, all different.
        images: image file of each name.
        labels: image-level labels of each name, sorted, each in `0..num_classes - 1`; may be empty.
        masks: true mask of those names that have one, to score by; no label.
        saliency: grey saliency map of those names that have one.
        faults: names that the data set lists but that cannot be used, and why; one that is in `names` goes without
            the label or map of which the message tells.
        boxes: labels of those names that have some. points, scribbles: the same.
        scribble_masks: file of ids with the scribbles of a name, 255 where nothing is drawn.
        full_masks: mask that supervises a name.

    Raises:
        UserError: two equal names or classes, no class, or a label that is no class.

    Example:
    >>> from tfwsss.palette import voc_palette
    >>> pets = ImageSet(("a",), Path("pets"), ("background", "cat", "polar bear"), voc_palette(),
    ...                 images={"a": Path("pets/a.jpg")}, labels={"a": (1,)}, masks={})
    >>> pets.num_classes, pets.multi_hot("a").tolist()
    (2, [0.0, 1.0])
    """

    names: tuple[str, ...]
    root: Path
    classes: tuple[str, ...]
    palette: np.ndarray = dataclasses.field(repr=False, compare=False)
    images: Mapping[str, Path] = dataclasses.field(repr=False)
    labels: Mapping[str, tuple[int, ...]] = dataclasses.field(repr=False)
    masks: Mapping[str, Path] = dataclasses.field(repr=False)
    saliency: Mapping[str, Path] = dataclasses.field(default_factory=dict, repr=False)
    faults: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    boxes: Mapping[str, tuple[Box, ...]] = dataclasses.field(default_factory=dict, repr=False)
    points: Mapping[str, tuple[Point, ...]] = dataclasses.field(default_factory=dict, repr=False)
    scribbles: Mapping[str, tuple[Scribble, ...]] = dataclasses.field(default_factory=dict, repr=False)
    scribble_masks: Mapping[str, Path] = dataclasses.field(default_factory=dict, repr=False)
    full_masks: Mapping[str, Path] = dataclasses.field(default_factory=dict, repr=False)

    def __post_init__(self):
        _check_classes(self.root, self.classes)
        double = _first_double(self.names)
        if double is not None:
            raise UserError(f"{self.root}: the image name {double!r} is listed twice; names must differ")
        if self.palette.shape != (256, 3) or len(np.unique(self.palette, axis=0)) != 256:
            raise UserError(f"{self.root}: a palette has 256 different colours; received {self.palette.shape}")
        for name in self.names:
            if name not in self.images or name not in self.labels:
                raise UserError(f"{self.root}: {name!r} has no image or no labels; every listed name needs both")
            if any(not 0 <= label < self.num_classes for label in self.labels[name]):
                raise UserError(f"{self.root}: labels {self.labels[name]} of {name!r}; expected 0 to "
                                f"{self.num_classes - 1}, counted without background")
        for kind in FIELDS:
            check_weak_labels(self.root, self.num_classes, kind, getattr(self, kind))

    @property
    def num_classes(self) -> int:
        """Number of classes without background."""
        return len(self.classes) - 1

    def subset(self, names: Iterable[str]) -> "ImageSet":
        """Returns the same data set with these names only, in their order.

        Raises:
            UserError: a name is not in the set.
        """
        names = tuple(names)
        own = set(self.names)
        for name in names:
            if name not in own:
                raise UserError(f"{self.root}: no image is named {name!r}; names look like {self.names[:3]}")
        keep = set(names)

        def of(mapping: Mapping) -> dict:
            return {name: mapping[name] for name in mapping if name in keep}

        return dataclasses.replace(self, names=names, **{key: of(getattr(self, key)) for key in _BY_NAME})

    def joined(self, other: "ImageSet") -> "ImageSet":
        """Returns the images of both sets, this one's first and each name once; they share the classes."""
        own = set(self.names)
        other = other.subset(name for name in other.names if name not in own)

        def both(key: str) -> dict:
            return {**getattr(self, key), **getattr(other, key)}

        return dataclasses.replace(self, names=self.names + other.names,
                                   **{key: both(key) for key in (*_BY_NAME, "faults")})

    def read_size(self, name: str) -> tuple[int, int]:
        """Returns rows and columns of the image as it is shown, from its header.

        Raises:
            ImageFault: the file is missing or no image.
        """
        return reading.read_size(self.images[name])

    def multi_hot(self, name: str) -> np.ndarray:
        """Returns the image-level labels as float32 `(num_classes,)` of zeros and ones."""
        hot = np.zeros(self.num_classes, np.float32)
        hot[list(self.labels[name])] = 1
        return hot

    def supervision(self, name: str) -> str:
        """Returns the strongest label that an image has: "mask", "scribble", "box", "point", or "image" for its tags.

        Masks to score by (`masks`) are no label.
        """
        found = {"mask": name in self.full_masks, "scribble": self.scribbles.get(name) or name in self.scribble_masks,
                 "box": self.boxes.get(name), "point": self.points.get(name), "image": True}
        return next(kind for kind in SUPERVISION if found[kind])

    def fingerprint(self) -> str:
        """Returns a hash of names, classes and labels, and of colours of one's own.

        Files of labels (`scribble_masks`, `full_masks`) enter by their contents, other files not at all.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        facts = [self.classes, [[name, sorted(self.labels[name])] for name in self.names]]
        weak = {key: {name: found[name] for name in self.names if found.get(name)}
                for key in FIELDS if (found := getattr(self, key))}
        weak |= {key: {name: identity.identity(found[name])["sha256"] for name in self.names if name in found}
                 for key in FILES if (found := getattr(self, key))}
        weak = {key: labels for key, labels in weak.items() if labels}     # none: the facts of sets with tags only
        weak |= {"palette": colours} if (colours := own_colours(self.palette)) else {}
        return identity.fingerprint([*facts, weak] if weak else facts)

    def read_image(self, name: str) -> np.ndarray:
        """Returns the image as uint8 `(row, column, 3)`, red, green, blue.

        Raises:
            ImageFault: the file is missing or broken.
        """
        return reading.read_rgb(self.images[name])

    def read_mask(self, name: str) -> np.ndarray:
        """Returns the true mask as uint8 `(row, column)`: class ids, background 0, ignore 255.

        Raises:
            ImageFault: there is no mask, or it is broken, or it holds an id that is no class.
        """
        if name not in self.masks:
            raise ImageFault(f"{self.root}: {name!r} has no mask; add one or leave this image out of the scoring")
        return reading.read_class_ids(self.masks[name], self.palette, self.num_classes)

    def read_scribble_mask(self, name: str) -> np.ndarray:
        """Returns the drawn scribbles as uint8 `(row, column)`: class ids, background 0, not drawn 255.

        Raises:
            ImageFault: there are none, or the file is broken, of another size, or holds an id that is no class.
        """
        return self._read_label(name, self.scribble_masks, "data.scribbles")

    def read_full_mask(self, name: str) -> np.ndarray:
        """Returns the mask that supervises an image as uint8 `(row, column)`: class ids, background 0, ignore 255.

        Raises:
            ImageFault: there is none, or the file is broken, of another size, or holds an id that is no class.
        """
        return self._read_label(name, self.full_masks, "data.full_masks")

    def _read_label(self, name: str, files: Mapping[str, Path], setting: str) -> np.ndarray:
        if name not in files:
            raise ImageFault(f"{self.root}: {name!r} has no mask of labels; add one to the folder of {setting}")
        ids = reading.read_class_ids(files[name], self.palette, self.num_classes)
        if ids.shape != self.read_size(name):
            raise ImageFault(reading.other_size(files[name], ids.shape, self.read_size(name)))
        return ids

    def read_saliency(self, name: str) -> np.ndarray:
        """Returns the saliency map as uint8 `(row, column)`, 255 = salient.

        Raises:
            ImageFault: there is no map, or it is broken.
        """
        if name not in self.saliency:
            raise ImageFault(f"{self.root}: {name!r} has no saliency map; add one or switch saliency off")
        return reading.read_rgb(self.saliency[name])[..., 0]


def _check_classes(root: Path, classes: tuple[str, ...]) -> None:
    if not classes or classes[0] != BACKGROUND:
        raise UserError(f"{root}: the first class is {classes[:1]}; id 0 is always {BACKGROUND!r}")
    if len(classes) < 2:
        raise UserError(f"{root}: there is no class beside {BACKGROUND!r}; name at least one")
    if len(classes) > IGNORE:
        raise UserError(f"{root}: {len(classes)} classes; masks hold at most {IGNORE} ids, background included")
    double = _first_double(classes)
    if double is not None:
        raise UserError(f"{root}: the class {double!r} is named twice; class names must differ")
    if not all(name.strip() == name and name for name in classes):
        raise UserError(f"{root}: a class name is empty or begins or ends with a space: {classes}")


def _first_double(items: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None

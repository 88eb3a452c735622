"""Features of reference images: reckoned once, kept in bounded memory; and a set of them that goes with a network."""

import collections
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.see import Seer, images_at_a_time
from tfwsss.inference.stream import batches_by_size

MEMORY = 2 * 2**30
"""Bytes of features that are kept at a time."""


class ReferenceFeatures:
    """Features of images, reckoned where they are asked for; the least recently used are forgotten.

    Args:
        images: where references come from.
        seer: shows images to a network of one key, the features.
        memory: bytes to keep.
    """

    def __init__(self, images: ImageSet, seer: Seer, memory: int = MEMORY):
        self._images, self._seer, self._memory = images, seer, memory
        self.forget()

    def forget(self) -> None:
        """Forgets everything."""
        self._used = 0
        self._kept: collections.OrderedDict[str, np.ndarray] = collections.OrderedDict()

    def of(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Returns the features of images that can be read.

        Args:
            names: of images, some perhaps more than once.

        Returns:
            Name to float32 `(row, column, channel)`.
        """
        asked = list(dict.fromkeys(names))
        found = {name: self._kept[name] for name in asked if name in self._kept}
        for name in found:
            self._kept.move_to_end(name)
        missing = [name for name in asked if name not in found]
        for part, images in batches_by_size(self._images, missing,
                                            lambda size: images_at_a_time(self._seer.view, size)):
            if isinstance(images, ImageFault):
                continue
            (features,) = self._seer(images).values()
            found |= dict(zip(part, features.numpy(), strict=True))
        for name in missing:
            if name in found:
                self.keep(name, found[name])
        return found

    def keep(self, name: str, features: np.ndarray) -> None:
        """Keeps features that somebody else has reckoned.

        Args:
            name: of the image; of others than the set's nothing is kept.
            features: float32 `(row, column, channel)`.
        """
        if name not in self._images.images or name in self._kept:
            return
        self._kept[name] = features
        self._used += features.nbytes
        while self._used > self._memory:
            _, oldest = self._kept.popitem(last=False)
            self._used -= oldest.nbytes


def reference_set(features: np.ndarray) -> keras.Model:
    """Makes a network of the features of kept reference images, for graphs that are saved.

    Args:
        features: `(class, reference, row, column, channel)`; held in half precision.

    Returns:
        keras.Model, int32 `(kept class,)` to float16 `(kept class, reference, row, column, channel)`.

    Example:

    >>> reference_set(np.ones((3, 2, 4, 5, 6)))(np.array([2, 0]))[1].shape.as_list()
    [2, 4, 5, 6]
    """
    label = keras.Input((), dtype="int32", name="label")
    table = keras.layers.Embedding(len(features), int(np.prod(features.shape[1:])), dtype="float16", name="references")
    network = keras.Model(label, keras.layers.Reshape(features.shape[1:], dtype="float16")(table(label)))
    table.set_weights([in_half(features).reshape(len(features), -1)])
    return network


def in_half(features: np.ndarray) -> np.ndarray:
    """Returns features in half precision, inside of its range.

    Args:
        features: floats of any shape.
    """
    most = np.finfo(np.float16).max
    return np.clip(features, -most, most).astype(np.float16)


def stacked(found: Mapping[str, np.ndarray], drawn: Sequence[Sequence[str]], count: int,
            otherwise: np.ndarray) -> np.ndarray:
    """Puts the references of classes together; in the place of one that cannot be read stands another of its class.

    Args:
        found: features by name, of those that can be read.
        drawn: names of the references of each class.
        count: references of each class.
        otherwise: features that stand for a class without any reference, `(row, column, channel)`.

    Returns:
        `(class, reference, row, column, channel)`.

    Example:

    >>> found = {"a": np.full((1, 1, 1), 3.0), "b": np.full((1, 1, 1), 4.0)}
    >>> stacked(found, [("a", "torn", "b"), ()], 3, np.zeros((1, 1, 1))).reshape(2, 3).tolist()
    [[3.0, 4.0, 3.0], [0.0, 0.0, 0.0]]
    """
    rows = []
    for names in drawn:
        usable = [found[name] for name in names if name in found] or [otherwise]
        rows.append(np.stack([usable[place % len(usable)] for place in range(count)]))
    return np.stack(rows) if rows else np.zeros((0, count, *otherwise.shape), otherwise.dtype)

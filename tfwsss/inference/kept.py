"""Rules applied to maps that a stage has kept, one image at a time."""

import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfwsss.artefacts.scores import Scores
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.see import check_covers
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import strongest_class
from tfwsss.ops.mask_ids import mask_ids

_MAPS, _CLASSES = tf.TensorSpec((None, None, None)), tf.TensorSpec((None,), tf.int32)


class KeptRule:
    """A rule, compiled once for maps of any size and any number of classes.

    Args:
        rule: maps, Picture and classes to a Decision, see `inference.decide`.
        keys: of the maps that it reads.
        image: whether it looks at the image.
        saliency: whether it looks at a saliency map.
    """

    def __init__(self, rule: Callable, keys: tuple[str, ...], image: bool = False, saliency: bool = False):
        self._rule, self._keys, self._image, self._saliency = rule, keys, image, saliency
        pair = tf.TensorSpec((2,), tf.int32)
        seen = tf.TensorSpec((None, None, 3) if image else None, tf.uint8)
        salient = tf.TensorSpec((None, None) if saliency else None, tf.uint8)
        self._work = tf.function(self._decided, autograph=False, input_signature=[
            {key: _MAPS for key in keys}, _CLASSES, pair, pair, seen, salient])

    def __call__(self, scores: Mapping[str, Scores], image: np.ndarray | None = None,
                 saliency: np.ndarray | None = None, name: str = "") -> np.ndarray:
        """Decides on one image.

        Args:
            scores: kept maps of the same classes, by key.
            image: uint8 `(row, column, 3)`, where the rule looks at it.
            saliency: uint8 `(row, column)`, where the rule looks at it.
            name: of the image, for messages.

        Returns:
            uint8 `(row, column)`: 0 background, label + 1, 255 undecided.

        Raises:
            UserError: maps that were made on different canvases.
            ImageFault: maps of different classes or image sizes, or an image or saliency map of another size.
        """
        one = scores[self._keys[0]]
        self._check(scores, image, saliency, name or "an image")
        maps = {key: channels_last(scores[key]) for key in self._keys}
        nothing = np.zeros((), np.uint8)
        found = self._work(maps, one.classes, np.int32(one.size), np.int32(one.covers or one.size),
                           image if self._image else nothing, saliency if self._saliency else nothing)
        return found.numpy()

    def _check(self, scores: Mapping[str, Scores], image, saliency, name: str) -> None:
        first, *others = self._keys
        one = scores[first]
        for key in others:
            other = scores[key]
            if tuple(other.size) != tuple(one.size) or not np.array_equal(other.classes, one.classes):
                raise ImageFault(f"{name}: maps of {first} are of classes {one.classes.tolist()} of an image of "
                                 f"{one.size}, those of {key} of classes {other.classes.tolist()} of {other.size}; "
                                 "expected the same: make both again")
        check_covers({key: scores[key].covers or scores[key].size for key in self._keys})
        if self._image and image.shape[:2] != tuple(one.size):
            raise ImageFault(f"{name}: an image of {image.shape[:2]}; expected {one.size}, as its maps; make them "
                             "again, or give the image that they were made of")
        if self._saliency and saliency.shape != tuple(one.size):
            raise ImageFault(f"{name}: a saliency map of {saliency.shape}; expected a grey 8-bit image of {one.size}, "
                             "as its photograph")

    def _decided(self, maps, classes, size, covers, image, saliency):
        picture = Picture((size[0], size[1]), (covers[0], covers[1]), image if self._image else None,
                          saliency if self._saliency else None)
        decision = self._rule(maps, picture, tf.range(tf.size(classes)))
        return tf.cast(mask_ids(decision.ids, classes), tf.uint8)


def channels_last(scores: Scores) -> np.ndarray:
    """Returns kept maps as rules take them.

    Args:
        scores: of one image.

    Returns:
        float32 `(row', column', class)`.

    Example:

    >>> channels_last(Scores(np.array([3]), np.ones((1, 2, 4), np.float16), (2, 4))).shape
    (2, 4, 1)
    """
    return np.ascontiguousarray(np.moveaxis(scores.scores, 0, -1), np.float32)


def strongest(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Finds the strongest class of every pixel of an image and how strong it is; see `ops.cam.strongest_class`.

    Args:
        scores: kept class maps of one image.

    Returns:
        uint8 `(row, column)`, mask ids, 0 where no class is positive; float32 `(row, column)`, 0 to 1.

    Example:

    >>> ids, strength = strongest(Scores(np.array([2]), np.array([[[4.0, 1.0, 0.0]]]), (1, 3)))
    >>> ids.tolist(), strength.tolist()
    ([[3, 3, 0]], [[1.0, 0.25, 0.0]])
    """
    covers = np.int32(scores.covers or scores.size)
    ids, strength = _strongest()(channels_last(scores), np.int32(scores.classes), np.int32(scores.size), covers)
    return ids.numpy(), strength.numpy()


@functools.cache
def _strongest() -> Callable:
    def work(maps, classes, size, covers):
        picture = Picture((size[0], size[1]), (covers[0], covers[1]))
        place, strength = strongest_class(enlarged(maps, picture, tf.range(tf.size(classes))))
        return tf.cast(mask_ids(place, classes), tf.uint8), strength

    pair = tf.TensorSpec((2,), tf.int32)
    return tf.function(work, input_signature=[_MAPS, _CLASSES, pair, pair], autograph=False)

"""Rules applied to maps that a stage has kept, one image at a time."""

import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfwsss.artefacts.scores import Scores
from tfwsss.errors import UserError
from tfwsss.inference.decide.decision import named_ids
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import strongest_class

_MAPS = tf.TensorSpec((None, None, None))


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
            {key: _MAPS for key in keys}, tf.TensorSpec((None,), tf.int32), pair, pair, seen, salient])

    def __call__(self, scores: Mapping[str, Scores], image: np.ndarray | None = None,
                 saliency: np.ndarray | None = None) -> np.ndarray:
        """Decides on one image.

        Args:
            scores: kept maps of the same classes, by key.
            image: uint8 `(row, column, 3)`, where the rule looks at it.
            saliency: uint8 `(row, column)`, where the rule looks at it.

        Returns:
            uint8 `(row, column)`: 0 background, label + 1, 255 undecided.

        Raises:
            UserError: maps that were made on different canvases.
        """
        one = scores[self._keys[0]]
        self._check(scores)
        maps = {key: channels_last(scores[key]) for key in self._keys}
        nothing = np.zeros((), np.uint8)
        found = self._work(maps, one.classes, np.int32(one.size), np.int32(one.covers or one.size),
                           image if self._image else nothing, saliency if self._saliency else nothing)
        return found.numpy()

    def _check(self, scores: Mapping[str, Scores]) -> None:
        first, covers = self._keys[0], {key: scores[key].covers or scores[key].size for key in self._keys}
        for key, found in covers.items():
            if found != covers[first]:
                raise UserError(f"maps of {first} cover {covers[first]} pixels of an image, those of {key} {found}; "
                                f"see images on the same canvas: set {first}.canvas and {key}.canvas alike")

    def _decided(self, maps, classes, size, covers, image, saliency):
        picture = Picture((size[0], size[1]), (covers[0], covers[1]), image if self._image else None,
                          saliency if self._saliency else None)
        decision = self._rule(maps, picture, tf.range(tf.size(classes)))
        return tf.cast(named_ids(decision, classes), tf.uint8)


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
    place, strength = _strongest()(channels_last(scores), np.int32(scores.size), covers)
    ids = np.append(0, np.asarray(scores.classes) + 1).astype(np.uint8)
    return ids[place.numpy()], strength.numpy()


@functools.cache
def _strongest() -> Callable:
    def work(maps, size, covers):
        picture = Picture((size[0], size[1]), (covers[0], covers[1]))
        return strongest_class(enlarged(maps, picture, tf.range(tf.shape(maps)[-1])))

    pair = tf.TensorSpec((2,), tf.int32)
    return tf.function(work, input_signature=[_MAPS, pair, pair], autograph=False)

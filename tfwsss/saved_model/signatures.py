"""The signatures of a SavedModel: bytes of a photograph to a mask, its classes, their scores."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfwsss.inference.canvas import canvas_side, on_canvas, see_on_canvases
from tfwsss.inference.found import Answer
from tfwsss.inference.masker import Masker
from tfwsss.inference.see import see
from tfwsss.inference.views import Canvas
from tfwsss.palette import IGNORE
from tfwsss.saved_model.decode import decode
from tfwsss.saved_model.indexed_png import encode_indexed

_LONGEST = 513      # side of what `batch` takes where the run has neither canvas nor windows

_BYTES = tf.TensorSpec((None,), tf.string, name="image_bytes")


class Signatures:
    """What a client may ask of a run.

    Args:
        masker: how the run makes masks.
        classes: names of the mask ids, background first.
        palette: uint8 `(256, 3)`, colours of the mask ids.
        max_pixels: larger images are refused.

    Raises:
        UserError: the masker's looks do not cover the same of every image.
    """

    def __init__(self, masker: Masker, classes: Sequence[str], palette: np.ndarray, max_pixels: int):
        self._masker, self._classes, self._palette = masker, list(classes), palette
        masker.check((1, 1))                    # what canvases of several sides cover of a small image differs
        # traced once and shared by the signatures; each network once for each size of canvas
        self._networks = [_called(look.network) for look in masker.looks]
        self._decode = tf.function(lambda contents: decode(contents, max_pixels), autograph=False)
        self._see = tf.function(self._maps, autograph=False)

    @property
    def side(self) -> int:
        """Side in pixels of what `batch` takes."""
        view = self._masker.view
        return canvas_side(self._masker.stride, view) if isinstance(view, Canvas) else getattr(view, "side", _LONGEST)

    def all(self) -> dict[str, Callable]:
        """Returns the signatures' functions by name.

        All but `batch` take one JPEG or PNG of any size as `image_bytes` `(1,)`, and
        their outputs begin with an axis of length 1.

            serving_default  mask_bytes (1,), an indexed PNG; classes, class_ids and class_scores (1, shown class)
            with_tags        the same, and tags (1, class) of 0 and 1: only those classes
            mask             mask uint8 (1, row, column): 0 background, 255 undecided
            scores           scores float32 (1, row, column, id), 0 to 1, background first, before the CRF
            batch            image uint8 (n, side, side, 3), height and width int32 (n,) -> mask (n, side, side), 255
                             beyond the image, and class_scores (n, class); pixels, because among bytes of several
                             clients one broken file would spoil the answers of all
        """
        tags = tf.TensorSpec((None, len(self._classes) - 1), tf.float32, name="tags")
        size = (self.side, self.side)
        pixels = [tf.TensorSpec((None, *size, 3), tf.uint8, name="image"),
                  *(tf.TensorSpec((None,), tf.int32, name=name) for name in ("height", "width"))]
        listed = ((self._mask_bytes, "serving_default", [_BYTES]), (self._mask_bytes, "with_tags", [_BYTES, tags]),
                  (self._mask, "mask", [_BYTES]), (self._scores, "scores", [_BYTES]), (self._batch, "batch", pixels))
        return {name: tf.function(work, input_signature=specs, autograph=False) for work, name, specs in listed}

    def _mask_bytes(self, image_bytes, tags=None):
        found = self._of_bytes(image_bytes, tags)
        names = tf.constant(self._classes)
        pixels = tf.math.bincount(tf.cast(found.mask, tf.int32), minlength=IGNORE + 1)
        labels = tf.cast(tf.reshape(tf.where(pixels[1:len(self._classes)] > 0), [-1]), tf.int32)
        return {"mask_bytes": encode_indexed(found.mask, self._palette)[None], "class_ids": labels[None] + 1,
                "classes": tf.gather(names, labels + 1)[None], "class_scores": tf.gather(found.likely, labels)[None]}

    def _mask(self, image_bytes):
        return {"mask": self._of_bytes(image_bytes).mask[None]}

    def _scores(self, image_bytes):
        return {"scores": self._of_bytes(image_bytes).scores[None]}

    def _of_bytes(self, image_bytes, tags=None) -> Answer:
        one = tf.debugging.Assert(tf.size(image_bytes) == 1, ["this signature takes one image, received",
                                                              tf.size(image_bytes), "; 'batch' takes several"])
        checks = [one]
        if tags is not None:
            valid = (tf.shape(tags)[0] == 1) & tf.reduce_all((tags == 0) | (tags == 1))
            checks.append(tf.debugging.Assert(valid, ["tags are one row of 0 and 1, received", tags]))
        with tf.control_dependencies(checks):
            contents = tf.reshape(image_bytes, [-1])[0]
        image = self._decode(contents)
        return self._masker.answer(self._see(image), image, None if tags is None else tags[0] > 0)

    def _maps(self, image):
        """Shows one image to the network."""
        masker = self._masker
        seen = [see(network, masker.stride, look.view, image[None], len(self._classes))
                for network, look in zip(self._networks, masker.looks, strict=True)]
        return {key: maps[0] for found in seen for key, maps in found.items()}

    def _batch(self, image, height, width):
        same = (tf.size(height) == tf.shape(image)[0]) & (tf.size(width) == tf.shape(image)[0])
        with tf.control_dependencies([tf.debugging.Assert(same, ["image, height and width differ in number"])]):
            height, width = (tf.clip_by_value(sides, 1, self.side) for sides in (height, width))

        def picture_of(place):
            return image[place, :height[place], :width[place]]

        masker, maps = self._masker, {}
        if isinstance(masker.view, Canvas):                     # the network sees all images at once
            def canvases(side: int):
                return tf.map_fn(lambda place: on_canvas(picture_of(place), side, self.side, masker.view.colour),
                                 tf.range(tf.size(height)), fn_output_signature=tf.TensorSpec((side, side, 3)))

            for network, look in zip(self._networks, masker.looks, strict=True):
                maps |= see_on_canvases(network, masker.stride, look.view, canvases)

        def one(place):
            own = picture_of(place)
            found = masker.answer({key: each[place] for key, each in maps.items()} if maps else self._see(own), own)
            missing = [[0, self.side - height[place]], [0, self.side - width[place]]]
            return tf.pad(found.mask, missing, constant_values=IGNORE), found.likely

        masks, likely = tf.map_fn(one, tf.range(tf.size(height)), fn_output_signature=(
            tf.TensorSpec((self.side, self.side), tf.uint8), tf.TensorSpec((len(self._classes) - 1,), tf.float32)))
        return {"mask": masks, "class_scores": likely}


def _called(network: keras.Model) -> Callable:
    return tf.function(lambda image: network(image, training=False), autograph=False)

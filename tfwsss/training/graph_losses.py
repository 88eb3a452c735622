"""The losses of graph networks that learn side by side, each image's its own."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfwsss.losses.multi_point import multi_point_loss
from tfwsss.losses.tiled_crf import tiled_gated_crf
from tfwsss.ops.pixel_corners import pixel_corners
from tfwsss.ops.sparse_product import sparse_product, sparse_rows
from tfwsss.training.graph_settings import Form

PARTS = ("background", "foreground", "points", "crf")
"""Parts of an image's loss."""


class GraphLosses:
    """The loss of every image of a group, in parts; whatever does not change while networks learn is made once.

        background, foreground: means of the cross entropy over the pixels of the padded image that have such a label
        points: of boxes, see `losses.multi_point`;   crf: see `losses.tiled_crf`
        total = background + foreground + points + weight crf, the last one in the second phase

    The logits of pixels are read from four positions each; no enlarged map is made. A part without pixels, or
    without boxes, is 0.

    Args:
        group: of `graph_group.laid_out`, as tensors.
        form: what the training is compiled for.
        numbers: of `graph_settings.numbers_of`, as tensors.
    """

    def __init__(self, group: Mapping[str, Any], form: Form, numbers: Mapping[str, Any]):
        self._group, self._form, self._numbers = group, form, numbers
        batch, rows, columns, _ = tf.unstack(tf.shape(group["features"]))
        self._batch, self._kind = batch, 2 * group["images"] + tf.cast(group["ids"] > 0, tf.int32)
        size = tf.unstack(tf.gather(group["sizes"], group["images"]), axis=1)
        row, column, shares = pixel_corners(group["pixels"][:, 0], group["pixels"][:, 1], size, form.stride)
        start = (group["images"] * rows * columns)[:, None]
        self._rows = sparse_rows(start + row * columns + column, shares, batch * rows * columns)

    def all_kept(self):
        """Returns that every seed counts: float32 `(pixel,)`, 1, but 0 where the list of pixels is only filled up."""
        return tf.cast(self._group["ids"] >= 0, tf.float32)

    def weights(self, step):
        """Returns the weight of each part, float32 `(part,)`.

        Args:
            step: integer scalar, 0 at first; the second phase begins after the first one's epochs.
        """
        crf = tf.where(step >= self._numbers["epochs"][0], self._numbers["crf_weight"], 0.0)
        return tf.stack([1.0, 1.0, 1.0, crf])

    def __call__(self, logits, hidden, kept):
        """Computes the parts of each image's loss.

        Args:
            logits: float32 `(batch, row, column, id)`.
            hidden: float32 `(batch, row, column, channel)`.
            kept: float32 `(pixel,)`, 0 where an earlier epoch took a seed away.

        Returns:
            float32 `(batch, part)`, and what is kept for the next epoch.
        """
        group, points, now = self._group, tf.zeros((self._batch,)), kept
        if self._form.boxes:
            found = multi_point_loss(logits, hidden, group["boxes"], group["labels"], group["sizes"], self._form.stride)
            points = found.loss
            if self._form.checks:
                now = kept * self._consistent(tf.stop_gradient(hidden), found.prototypes)
        crf = tiled_gated_crf(group["kernel"], tf.nn.softmax(logits))
        seeds = self._seed_costs(logits, now)
        kept = now if self._form.in_place else kept
        return tf.stack([seeds[:, 0], seeds[:, 1], points, crf], axis=1), kept

    def _seed_costs(self, logits, kept):
        """Returns the mean cost of background and foreground, `(batch, 2)`."""
        values = sparse_product(self._rows, tf.reshape(logits, (-1, logits.shape[-1])))
        costs = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(self._group["ids"], 0),
                                                               logits=values)
        sums, counts = (tf.math.unsorted_segment_sum(each, self._kind, 2 * self._batch)
                        for each in (kept * costs, kept))
        return tf.reshape(sums / tf.maximum(counts, 1.0), (-1, 2))

    def _consistent(self, hidden, prototypes):
        """Says which seeds are as alike to the points of all boxes of their class round them as they must be."""
        group = self._group
        own = sparse_product(self._rows, tf.reshape(hidden, (-1, hidden.shape[-1])))             # (pixel, channel)
        means = tf.einsum("brcw,bnw->brcn", hidden, prototypes)
        products = sparse_product(self._rows, tf.reshape(means, (-1, tf.shape(means)[-1])))      # (pixel, box)
        lengths = tf.norm(own, axis=1, keepdims=True) * tf.gather(tf.norm(prototypes, axis=-1), group["images"])
        boxes, labels = (tf.gather(group[name], group["images"]) for name in ("boxes", "labels"))
        row, column = group["pixels"][:, :1], group["pixels"][:, 1:]
        inside = ((column >= boxes[..., 0]) & (row >= boxes[..., 1]) & (column <= boxes[..., 2])
                  & (row <= boxes[..., 3]) & (labels == group["ids"][:, None]))
        unlike = products / (lengths + 1e-7) < self._numbers["consistency_threshold"]
        return tf.cast(~tf.reduce_any(inside & unlike, axis=1), tf.float32)

"""Labels or scores sharpened along the edges of an image by the dense CRF."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tfwsss.layers.dense_crf import DenseCRF, dense_crf, unary_from_labels
from tfwsss.palette import IGNORE

_TINY = 1e-5

UNSURE = 0.1
"""Largest marginal below which a CRF that started from labels leaves a pixel undecided."""


class CRF(NamedTuple):
    """The dense CRF that ends the way to a mask.

    Args:
        parameters: of `layers.dense_crf.DenseCRF`; 0 iterations leave the labels as they are.
        certainty: probability of the label that a pixel has, from which it starts; None starts from the scores.
        implementation: `lattice` (in the graph) or `pydensecrf`, for arrays only.
        certain: pixels whose largest marginal is lower are left open.
    """

    parameters: Mapping[str, Any]
    certainty: float | None = None
    implementation: str = "lattice"
    certain: float = 0.0

    @property
    def on(self) -> bool:
        """Whether it does anything."""
        return self.parameters["iterations"] > 0


def unary_of(crf: CRF, scores, ids, num_ids: int):
    """Returns the costs from which the CRF starts.

        -log(scores), or those of `unary_from_labels` where there is a certainty

    Args:
        crf: says from what it starts.
        scores: float `(row, column, id)` of all ids, 0 to 1, or None where it starts from ids.
        ids: int32 `(row, column)`, 255 undecided.
        num_ids: classes with background.

    Returns:
        float32 `(row, column, id)`, -log probability.
    """
    if crf.certainty is None:
        return -ops.log(ops.clip(scores, _TINY, 1.0))
    known = np.append(np.arange(num_ids), IGNORE)[None]                             # a row for each value of a mask
    table = ops.convert_to_tensor(unary_from_labels(known, num_ids, crf.certainty)[0])
    return ops.take(table, ops.minimum(ids, num_ids), axis=0)


def ids_of_marginals(crf: CRF, marginals):
    """Takes the likeliest id; pixels stay open where none is as likely as the CRF, or one from labels, wants.

    Args:
        crf: says from what it started, and how sure it must be.
        marginals: float `(row, column, id)`.

    Returns:
        int32 `(row, column)`, 255 undecided.
    """
    ids = ops.cast(ops.argmax(marginals, axis=-1), "int32")
    least = max(crf.certain, 0.0 if crf.certainty is None else UNSURE)
    return ops.where(ops.max(marginals, axis=-1) < least, IGNORE, ids) if least else ids


def sharpen(crf: CRF, scores, ids, image, num_ids: int):
    """Runs the CRF inside a graph.

    Args:
        crf: of which implementation does not count.
        scores: float `(row, column, id)` of all ids, 0 to 1.
        ids: int32 `(row, column)`, 255 undecided.
        image: uint8 `(row, column, 3)`.
        num_ids: classes with background.

    Returns:
        int32 `(row, column)`, 255 undecided; `ids` where the CRF is off.
    """
    if not crf.on:
        return ids
    marginals = DenseCRF(**crf.parameters)(unary_of(crf, scores, ids, num_ids)[None], image[None])[0]
    return ids_of_marginals(crf, marginals)


def sharpen_arrays(crf: CRF, scores: np.ndarray | None, ids: np.ndarray, image: np.ndarray, num_ids: int) -> np.ndarray:
    """Runs the CRF on arrays, by either implementation; faster than inside a graph that may be served.

    Args:
        crf: with its implementation.
        scores: float `(row, column, id)` of all ids, 0 to 1, or None where it starts from ids.
        ids: integers `(row, column)`, 255 undecided.
        image: uint8 `(row, column, 3)`.
        num_ids: classes with background.

    Returns:
        uint8 `(row, column)`, 255 undecided; `ids` where the CRF is off.
    """
    if not crf.on:
        return np.asarray(ids, np.uint8)
    unary = ops.convert_to_numpy(unary_of(crf, scores, ops.cast(ids, "int32"), num_ids))
    marginals = dense_crf(unary, image, implementation=crf.implementation, **crf.parameters)
    return ops.convert_to_numpy(ids_of_marginals(crf, marginals)).astype(np.uint8)

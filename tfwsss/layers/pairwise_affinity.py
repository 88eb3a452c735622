"""Affinity of every position to its near neighbours, as a layer."""

import keras
from keras import ops

from tfwsss.ops.affinity import feature_affinity
from tfwsss.ops.offsets import BORDERS, HALVES, pair_mask


@keras.saving.register_keras_serializable(package="tfwsss")
class PairwiseAffinity(keras.layers.Layer):
    """Says how alike the features of a position and of each neighbour are.

    Every pair of positions of a disc or of a square window occurs once.

        affinity[y, x, k] = exp(-mean_c |F_c(y, x) - F_c(y + dy_k, x + dx_k)|),   0 where there is no pair

    Memory beyond the result grows with `column offset channel`: one row of the map at a time.

    Args:
        radius: int. Pairs are nearer than this; 5 gives 34 offsets. In a window they span up to this many rows
            and columns; 3 gives 24.
        border: str. "released" pairs what AffinityNet's code pairs, which leaves
            the map's border badly connected; "full" pairs all positions of the map.
        shape: str. "disc" (AffinityNet) or "window" (A2GNN).

    Inputs:
        features: float, `(batch, row, column, channel)`.

    Returns:
        float32 `(batch, row, column, offset)`, 0 to 1, offsets as `half_disc(radius)` or
        `half_window(radius)`. A constant added to the
        features changes nothing.

    Raises:
        ValueError: an unknown border or shape, or a radius below 1.

    Example:

    >>> layer = PairwiseAffinity(radius=2, border="full")
    >>> [round(value, 4) for value in ops.convert_to_numpy(layer(ops.array([[[[0.0], [1.0]]]])))[0, 0, 0].tolist()]
    [0.3679, 0.0, 0.0, 0.0]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018; Zhang et al., A2GNN, TPAMI 2021.
    """

    def __init__(self, radius: int = 5, border: str = "released", shape: str = "disc", **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if border not in BORDERS:
            raise ValueError(f"border: received {border!r}, expected one of {BORDERS}")
        if shape not in HALVES:
            raise ValueError(f"shape: received {shape!r}, expected one of {', '.join(HALVES)}")
        self.radius, self.border, self.shape = radius, border, shape
        self.offsets = HALVES[shape](radius)

    def call(self, features):
        """Returns the affinities, without the absent pairs."""
        _, rows, columns, _ = ops.shape(features)
        return feature_affinity(features, self.offsets) * pair_mask(rows, columns, self.offsets, self.border)

    def compute_output_shape(self, features_shape):
        """Replaces channels by offsets."""
        return (*features_shape[:-1], len(self.offsets))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius, "border": self.border, "shape": self.shape}

"""Affinity of every position to its near neighbours along the paths between them, as a layer."""

import keras

from tfwsss.ops.affinity import DIRECT, feature_affinity, path_affinity
from tfwsss.ops.offsets import half_disc


@keras.saving.register_keras_serializable(package="tfwsss")
class PathAffinity(keras.layers.Layer):
    """Says how alike features stay on the straight path from a position to each neighbour.

    Every pair of positions of the map nearer than the radius occurs once. Its affinity is that of the weakest link
    between direct neighbours on IRN's path, so that what is alike but parted by something else is not joined.

        affinity[y, x, k] = min over links u, v of path(offset_k) of exp(-mean_c |F_c(u) - F_c(v)|)

    Features are compared with two neighbours only: cheaper than `PairwiseAffinity`.

    Args:
        radius: int. Pairs are nearer than this; 5 gives 34 offsets.

    Inputs:
        features: float, `(batch, row, column, channel)`.

    Returns:
        float32 `(batch, row, column, offset)`, 0 to 1, offsets as `half_disc(radius)`, 0 where there is no pair. Of
        direct neighbours as `PairwiseAffinity` gives it.

    Raises:
        ValueError: a radius below 1.

    Example:

    >>> layer = PathAffinity(radius=3)
    >>> features = keras.ops.array([[[[0.0], [1.0], [0.0]]]])
    >>> [round(value, 4) for value in keras.ops.convert_to_numpy(layer(features))[0, 0, 0, :2].tolist()]
    [0.3679, 0.3679]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018 (features); Ahn, Cho and Kwak, IRN, CVPR 2019 (paths).
    """

    def __init__(self, radius: int = 5, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.radius = radius
        self.offsets = half_disc(radius)

    def call(self, features):
        """Returns the affinities of all pairs of the map."""
        return path_affinity(feature_affinity(features, DIRECT), self.offsets)

    def compute_output_shape(self, features_shape):
        """Replaces channels by offsets."""
        return (*features_shape[:-1], len(self.offsets))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius}

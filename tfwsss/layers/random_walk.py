"""Random walk over local affinities, as a layer."""

import keras

from tfwsss.ops import random_walk as walk
from tfwsss.ops.offsets import half_disc


@keras.saving.register_keras_serializable(package="tfwsss")
class RandomWalk(keras.layers.Layer):
    """Spreads score planes along alike neighbours; see `ops.random_walk.random_walk`.

        planes_t = planes T^t

    Time and memory grow linearly with the number of positions; 256 steps cost 96 products.

    Args:
        radius: int. Pairs are nearer than this, as in `PairwiseAffinity`.
        sharpness: float. Power of the affinities.
        steps: int. Steps of the walk; 0 leaves the planes as they are.

    Inputs:
        planes: float, `(batch, row, column, plane)`.
        affinity: float, `(batch, row, column, offset)`, as `PairwiseAffinity` gives them.

    Returns:
        float32 `(batch, row, column, plane)`, within each plane's range. A constant plane stays as it is.

    Example:

    >>> planes = keras.ops.convert_to_tensor([[[[1.0], [0.0]]]])
    >>> affinity = keras.ops.ones((1, 1, 2, 4))
    >>> RandomWalk(radius=2)(planes, affinity)[0, 0, :, 0].numpy().round(4).tolist()
    [0.5, 0.5]

    Reference: Ahn and Kwak, AffinityNet, CVPR 2018.
    """

    def __init__(self, radius: int = 5, sharpness: float = 8.0, steps: int = 256, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.radius, self.sharpness, self.steps = radius, sharpness, steps

    def call(self, planes, affinity):
        """Returns the planes after the walk."""
        return walk.random_walk(planes, affinity, half_disc(self.radius), self.sharpness, self.steps)

    def compute_output_shape(self, planes_shape, affinity_shape=None):
        """Returns the shape of the planes."""
        return tuple(planes_shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "radius": self.radius, "sharpness": self.sharpness, "steps": self.steps}

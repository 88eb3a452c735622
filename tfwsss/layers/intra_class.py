"""Class directions and the sign that tells which end of each is the object (ICD)."""

import keras
from keras import ops

from tfwsss.ops.replicas import place_among_replicas, sum_over_replicas


@keras.saving.register_keras_serializable(package="tfwsss")
class ClassDirections(keras.layers.Layer):
    """Scores every position by its coordinate along one direction per class.

    Trained by `BottomUpLoss`, a direction becomes the one along which the
    features of a class's images vary most, which splits object from background.
    Only the direction's angle matters. The features get no gradient. The
    direction's gradient is that of the released operator, whose small constants
    differ from those of its forward pass:

        score[p, c] = x[p] . U[c] / sqrt(|U[c]|^2 + 1e-10)
        dL/dU[c] = G / (|U| + 1e-5) - U (U . G) / (|U|^3 + 1e-5),  G = dL/d(U/|U|)

    Cost: channels times classes multiply-adds a position.

    Args:
        num_classes: int. Classes without background.

    Inputs:
        x: float, `(batch, row, column, channel)`.

    Returns:
        float32 `(batch, row, column, num_classes)`. Negating a direction negates its scores.

    Example:

    >>> tuple(ClassDirections(num_classes=3)(ops.ones((2, 5, 6, 8))).shape)
    (2, 5, 6, 3)

    Reference: Fan et al., ICD, CVPR 2020.
    """

    def __init__(self, num_classes: int, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape):
        """Draws the directions from a narrow normal distribution."""
        self.kernel = self.add_weight(shape=(input_shape[-1], self.num_classes), name="kernel",
                                      initializer=keras.initializers.RandomNormal(stddev=0.01))

    def call(self, x):
        """Returns the coordinates along the directions."""
        return ops.matmul(ops.stop_gradient(x), self._unit_directions())

    def _unit_directions(self):
        """Returns U/|U| by column; its gradient is the released one, carried by a term that is zero."""
        kernel = ops.convert_to_tensor(self.kernel)
        fixed = ops.stop_gradient(kernel)                                    # (channel, class)
        change = kernel - fixed                                              # zero, but it has a gradient
        square = ops.sum(ops.square(fixed), axis=0)
        norm = ops.sqrt(square)
        along = fixed * ops.sum(fixed * change, axis=0)
        slope = change / (norm + 1e-5) - along / (norm * square + 1e-5)
        return fixed / ops.sqrt(square + 1e-10) + slope

    def compute_output_shape(self, input_shape):
        """Replaces channels by classes."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="tfwsss")
class SignCorrection(keras.layers.Layer):
    """Turns class scores so that the object is on the positive side.

    A direction has no preferred end. The class maps say which one is the object:
    the end with the larger mean activation. Per class a running mean of both is
    kept over the images that hold the class, over the whole batch of all
    replicas, and updated before it is read. No gradient passes.

        p, q = mean of max(cam, 0) over positions with score > 0, score < 0
        A[c] <- momentum A[c] + (1 - momentum) (mean p, mean q over images of c)
        output = -score if A[c, 0] < A[c, 1] else score

    Args:
        num_classes: int. Classes without background.
        momentum: float in `[0, 1)`. Share of the old running mean kept by an update.
        updates_per_step: int. Parts of the whole batch, in order, that update the
            mean one after the other, each part read with its own. 1 is
            recommended; 2 is the release on two devices.

    Inputs:
        scores: float, `(batch, row, column, class)`, uncorrected.
        cam: float, `(batch, row, column, class)`, raw class maps.
        labels: `(batch, class)`, 0 or 1.

    Returns:
        float32, shape of `scores`; equal up to one sign per class and part of the batch.

    Example:

    >>> scores, cam = ops.array([[[[1.0], [-2.0]]]]), ops.array([[[[0.0], [3.0]]]])
    >>> layer = SignCorrection(num_classes=1)
    >>> ops.convert_to_numpy(layer(scores, cam, ops.ones((1, 1)), training=True)).ravel().tolist()
    [-1.0, 2.0]

    Reference: Fan et al., ICD, CVPR 2020.
    """

    def __init__(self, num_classes: int, momentum: float = 0.9, updates_per_step: int = 1, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.momentum = momentum
        self.updates_per_step = updates_per_step

    def build(self, scores_shape, cam_shape=None, labels_shape=None):
        """Makes the running mean, zero: the same on all replicas."""
        self.moving_mean = self.add_weight(shape=(self.num_classes, 2), name="moving_mean", initializer="zeros",
                                           trainable=False, aggregation="mean")

    def call(self, scores, cam, labels, training=False):
        """Updates the running mean in training, then applies its signs."""
        scores, cam, labels = map(ops.stop_gradient, (scores, cam, labels))
        mean = ops.convert_to_tensor(self.moving_mean)
        if not training:
            return scores * self._signs(mean)
        part = self._part_of_batch(labels)                                   # (batch, update)
        sums, counts = self._class_sums(scores, cam, labels, part)
        signs = []
        for update in range(self.updates_per_step):
            count = counts[update][:, None]                                  # (class, 1)
            current = ops.where(count > 0, sums[update] / ops.maximum(count, 1.0), mean)
            mean = self.momentum * mean + (1 - self.momentum) * current
            signs.append(self._signs(mean))
        self.moving_mean.assign(mean)
        return scores * ops.matmul(part, ops.stack(signs))[:, None, None, :]

    def _signs(self, mean):
        return ops.where(mean[:, 0] < mean[:, 1], -1.0, 1.0)                 # (class,)

    def _part_of_batch(self, labels):
        """Says by ones and zeros which update each image of this replica belongs to."""
        position, count = place_among_replicas()
        images = ops.shape(labels)[0]
        index = position * images + ops.arange(images, dtype="int32")
        part = ops.floor_divide(index * self.updates_per_step, images * count)
        return ops.one_hot(part, self.updates_per_step, dtype="float32")     # (batch, update)

    def _class_sums(self, scores, cam, labels, part):
        """Sums both ends' mean activations over the images of each update and class, on all replicas."""
        active = ops.relu(cam)
        ends = []
        for side in (scores > 0, scores < 0):
            side = ops.cast(side, "float32")
            ends.append(ops.sum(active * side, (1, 2)) / ops.maximum(ops.sum(side, (1, 2)), 1e-5))
        ends = ops.stack(ends, axis=-1)                                      # (batch, class, end)
        sums = ops.einsum("nu,nc,nce->uce", part, labels, ends)
        counts = ops.einsum("nu,nc->uc", part, labels)
        return sum_over_replicas(sums), sum_over_replicas(counts)

    def compute_output_shape(self, scores_shape, cam_shape=None, labels_shape=None):
        """Keeps the scores' shape."""
        return scores_shape

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes, "momentum": self.momentum,
                "updates_per_step": self.updates_per_step}

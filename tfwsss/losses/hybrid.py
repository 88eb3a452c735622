"""The hybrid loss of OAA's second network: soft targets for every position of class maps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfwsss")
class HybridLoss(keras.losses.Loss):
    """Teaches class maps the attention that a first network gathered.

    Where a target is above the threshold, the map must rise, the more the higher the
    target; it is never pulled down there. Everywhere else it must fall. Both sets
    are taken over all classes of an image together, so classes that the image does
    not hold make up most of the second.

        P = {t > threshold},   N = the rest
        loss = 1/|P| sum_P t softplus(-z)  +  1/|N| sum_N softplus(z)

    A set without members counts 0.

    Args:
        threshold: float at least 0. 0 in the program for Caffe, 0.001 in that for PyTorch.

    Inputs:
        y_true: targets from 0 to 1, `(batch, row, column, class)`.
        y_pred: logits, same shape.

    Returns:
        One value per image, float32 `(batch,)`, at least 0.

    Example:

    >>> logits = ops.array([[[[0.0, 2.0]]]])
    >>> round(float(HybridLoss()(ops.array([[[[0.5, 0.0]]]]), logits)), 6)      # log(2) / 2 + log(1 + e^2)
    2.473502

    Reference: Jiang et al., OAA, ICCV 2019.
    """

    def __init__(self, threshold: float = 0.0, name: str = "hybrid", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold

    def call(self, y_true, y_pred):
        """Returns the loss of each image."""
        targets, logits = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        taught = targets > self.threshold
        rising = ops.where(taught, targets * ops.softplus(-logits), 0.0)
        falling = ops.where(taught, 0.0, ops.softplus(logits))
        shares = [ops.maximum(ops.sum(ops.cast(part, "float32"), axis=(1, 2, 3)), 1.0) for part in
                  (taught, ops.logical_not(taught))]                         # (batch,) each
        return sum(ops.sum(part, axis=(1, 2, 3)) / share for part, share in zip((rising, falling), shares, strict=True))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "threshold": self.threshold}

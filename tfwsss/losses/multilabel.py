"""Losses on the classes that an image is said to hold."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfwsss")
class MultilabelLoss(keras.losses.Loss):
    """Binary cross entropy of every class, summed over the classes of an image.

    Each class is a question of its own; several may hold at once.

        loss = sum_c softplus(logit[c]) - label[c] logit[c]

    Args:
        mean_over_classes: bool. Divides by the number of classes: the "soft
            margin" loss of many programs. ICD sums.

    Inputs:
        y_true: `(batch, class)`, 0 or 1, without background.
        y_pred: logits, `(batch, class)`.

    Returns:
        One value per image, float32 `(batch,)`, at least 0.

    Example:

    >>> round(float(MultilabelLoss()(ops.ones((1, 2)), ops.zeros((1, 2)))), 6)
    1.386294
    """

    def __init__(self, mean_over_classes: bool = False, name: str = "multilabel", **kwargs):
        super().__init__(name=name, **kwargs)
        self.mean_over_classes = mean_over_classes

    def call(self, y_true, y_pred):
        """Returns the loss of each image."""
        logits, labels = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        terms = ops.softplus(logits) - labels * logits                       # (batch, class)
        return ops.mean(terms, axis=-1) if self.mean_over_classes else ops.sum(terms, axis=-1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "mean_over_classes": self.mean_over_classes}

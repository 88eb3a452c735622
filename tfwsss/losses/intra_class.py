"""The two losses of the intra-class discriminator, one value per image each."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

_TINY = 1e-5


@keras.saving.register_keras_serializable(package="tfwsss")
class BottomUpLoss(keras.losses.Loss):
    """Turns class directions towards the largest variation of their own images' features.

    Only images of exactly one class take part, since only there object and
    background are the two things that differ. A class that no image shows alone
    would never learn: name it in `accompanied`, and all its images take part.
    Minimising the loss is gradient ascent on the mean square of the scores.

        loss = -scale / (2 h w) sum_c sum_p label[c] score[p, c]^2

    Args:
        scale: float. Weight of the loss (10 in the released code).
        accompanied: tuple of int. Classes that are never alone (none in VOC).

    Inputs:
        y_true: `(batch, class)`, 0 or 1, without background.
        y_pred: uncorrected scores, `(batch, row, column, class)`.

    Returns:
        One value per image, float32 `(batch,)`, at most 0; 0 where an image has several classes,
        none of them in `accompanied`.

    Example:

    >>> scores = ops.ones((1, 2, 2, 3))
    >>> float(BottomUpLoss()(ops.array([[0.0, 1.0, 0.0]]), scores))
    -5.0
    >>> float(BottomUpLoss()(ops.array([[1.0, 1.0, 0.0]]), scores)) == 0
    True

    Reference: Fan et al., ICD, CVPR 2020.
    """

    def __init__(self, scale: float = 10.0, accompanied: Sequence[int] = (), name: str = "bottom_up", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale, self.accompanied = scale, tuple(accompanied)

    def call(self, y_true, y_pred):
        """Returns the loss of each image."""
        labels, scores = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        single = ops.cast(ops.sum(labels, axis=-1, keepdims=True) == 1, "float32")     # (batch, 1)
        always = np.isin(np.arange(labels.shape[-1]), self.accompanied).astype("float32")
        single = ops.maximum(single, always)                                 # (batch, class)
        spread = ops.mean(ops.square(scores), axis=(1, 2))                   # (batch, class)
        return -0.5 * self.scale * ops.sum(labels * single * spread, axis=-1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale, "accompanied": list(self.accompanied)}


@keras.saving.register_keras_serializable(package="tfwsss")
class TopDownLoss(keras.losses.Loss):
    """Teaches a classifier of positions the confident part of the refined scores.

    Refined scores are divided by their extremes per image and class; positions
    below the threshold teach nothing. The divisor is the whole area. No gradient
    reaches the refined scores.

        t = max(r, 0) / max_p max(r, 0) - min(r, 0) / min_p min(r, 0)
        loss = 1 / (h w) sum_c sum_{p: |t| > threshold} BCE(logit, t > 0)

    Args:
        threshold: float in `[0, 1)`. Smallest relative score that teaches (0.2 in the released code).

    Inputs:
        y_true: refined scores, `(batch, row, column, class)`; 0 for classes the
            image does not hold, which thus teach nothing.
        y_pred: logits, same shape.

    Returns:
        One value per image, float32 `(batch,)`, at least 0.

    Example:

    >>> refined, logits = ops.array([[[[2.0], [0.1], [-1.0]]]]), ops.zeros((1, 1, 3, 1))
    >>> round(float(TopDownLoss()(refined, logits)), 6)     # two positions of three teach
    0.462098

    Reference: Fan et al., ICD, CVPR 2020.
    """

    def __init__(self, threshold: float = 0.2, name: str = "top_down", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold

    def call(self, y_true, y_pred):
        """Returns the loss of each image."""
        refined, logits = ops.stop_gradient(ops.cast(y_true, "float32")), ops.cast(y_pred, "float32")
        above, below = ops.relu(refined), ops.relu(-refined)
        relative = (above / ops.maximum(ops.max(above, axis=(1, 2), keepdims=True), _TINY)
                    - below / ops.maximum(ops.max(below, axis=(1, 2), keepdims=True), _TINY))
        target = ops.cast(relative > 0, "float32")
        used = ops.cast(ops.abs(relative) > self.threshold, "float32")
        terms = used * (ops.softplus(logits) - target * logits)
        return ops.sum(ops.mean(terms, axis=(1, 2)), axis=-1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "threshold": self.threshold}

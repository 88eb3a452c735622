"""Mean over all images of the batch of values already reckoned for each."""

import keras


@keras.saving.register_keras_serializable(package="tfwsss")
class PerImageLoss(keras.losses.Loss):
    """Reduces values per image, so that several replicas give the same as one.

    A bare mean is counted once per replica; a Loss divides by the whole batch.

        loss = mean over images of value

    Inputs:
        y_true: ignored; a Loss asks for it.
        y_pred: `(batch,)`, one value per image.

    Returns:
        One value per image, `(batch,)`: `y_pred` itself.

    Example:

    >>> values = keras.ops.array([1.0, 3.0])
    >>> float(PerImageLoss()(values, values))
    2.0
    """

    def __init__(self, name: str = "per_image", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Returns the values as they are."""
        return y_pred

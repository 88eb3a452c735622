"""Classifier of whole images whose last layer is applied at every position: its class maps (CAM) are an output."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.models.on_backbone import OnBackbone


@keras.saving.register_keras_serializable(package="tfwsss")
class Classifier(OnBackbone):
    """Learns from image-level labels which classes an image holds, and shows where.

    A linear classifier of the features of every position; an image's logits are
    the mean of its positions' logits.

        logits = mean_p w_c . x[p],   cam[p, c] = max(w_c . x[p], 0), its square root for a trunk without normalisation
        loss = mean_c softplus(logit_c) - label_c logit_c

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        num_classes: int. Classes without background.
        dropout: float in `[0, 1)`. Share of the channels dropped before the classifier (0.5 published).
        root: bool. Whether class maps are square roots: True is published for VGG-16, which normalises nothing.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255. Supervision
        is a dictionary too: "labels" `(batch, class)`, 0 or 1.

    Returns:
        A dictionary of float32: "cam" `(batch, row', column', class)`, at least 0;
        "logits" `(batch, class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = Classifier(small(width=0.1), num_classes=3)({"image": ops.ones((2, 33, 40, 3))})
    >>> {key: tuple(value.shape) for key, value in sorted(out.items())}
    {'cam': (2, 9, 10, 3), 'logits': (2, 3)}

    Reference: Zhou et al., CVPR 2016; Ahn and Kwak, AffinityNet, CVPR 2018.
    """

    def __init__(self, backbone: keras.Model, num_classes: int, dropout: float = 0.5, root: bool = False,
                 name: str = "classifier", **kwargs):
        # === Layers ===
        drop = layers.SpatialDropout2D(dropout, name="fc8_dropout")
        score = layers.Conv2D(num_classes, 1, use_bias=False, name="fc8")
        in_float32 = layers.Activation("linear", dtype="float32", name="position_logits")
        mean = layers.GlobalAveragePooling2D(dtype="float32", name="logits")
        # === Functional model ===
        x = in_float32(score(drop(backbone.output["classifier"])))
        logits, cam = mean(x), _root(x) if root else ops.relu(x)
        # === Config ===
        super().__init__(backbone, {"num_classes": num_classes, "dropout": dropout, "root": root}, name=name,
                         inputs={"image": backbone.inputs[0]}, outputs={"cam": cam, "logits": logits}, **kwargs)
        self._multilabel = MultilabelLoss(mean_over_classes=True)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the multi-label loss of the logits."""
        return self._multilabel(y["labels"], y_pred["logits"])


def _root(x):
    """Returns the square root of the positive part, 0 elsewhere, with a finite gradient."""
    return ops.where(x > 0, ops.sqrt(ops.where(x > 0, x, 1.0)), 0.0)


def class_maps(model: Classifier, keys: Sequence[str] = ("cam",)) -> keras.Model:
    """Takes from a classifier what inference needs.

    Args:
        model: Classifier. Shares its weights with the result.
        keys: of "cam" (at least 0) and "position_logits" (before the positive part is taken).

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary
        of those maps, float32 `(batch, row', column', class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> tuple(class_maps(Classifier(small(width=0.1), num_classes=3))(ops.ones((1, 17, 40, 3)))["cam"].shape)
    (1, 5, 10, 3)
    """
    outputs = {"cam": model.output["cam"], "position_logits": model.get_layer("position_logits").output}
    return keras.Model(model.input["image"], {key: outputs[key] for key in keys}, name=f"{model.name}_maps")

"""OAA's two networks: one learns class maps from image-level labels, one from the maps that the first gathered."""

from collections.abc import Callable

import keras
from keras import layers

from tfwsss.losses.hybrid import HybridLoss
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.models.on_backbone import OnBackbone


@keras.saving.register_keras_serializable(package="tfwsss")
class OAA(OnBackbone):
    """Makes class maps by a 1x1 convolution, and learns them from labels of images or from gathered maps.

    The first network is taught what each image holds, by the mean of its maps; what
    it finds at every visit of an image is gathered (`training.attention_memory`).
    The second, OAA+, is taught the gathered maps, position by position (`HybridLoss`).

        z = W x + b,   logits = mean_p z
        labels:  loss = mean_c softplus(logit_c) - label_c logit_c
        maps:    loss = hybrid loss of z, targets from 0 to 1

    VGG-16 takes 25 G multiply-adds for 224x224 pixels.

    What stands in `watch`, None at first, is called at every step of a training with
    the whole batch, its maps and its logits, and may keep them; it changes no loss
    and is not saved. What stands in `veil`, None too, is called in training with the
    whole batch and returns the images that are seen in place of its own.

    Args:
        backbone: keras.Model. Image to "features" and "classifier"; the latter is read.
        num_classes: int. Classes without background.
        integral: bool. Whether it is the second network.
        threshold: float. Target above which a position is taught to rise, of the second network.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255. Supervision is a dictionary too: "labels" `(batch,
        class)`, 0 or 1, or, of the second network, "attention" `(batch, row', column', class)`, 0 for classes that
        the image does not hold.

    Returns:
        A dictionary of float32: "position_logits", raw class maps `(batch, row', column', class)`; "logits" `(batch,
        class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = OAA(small(width=0.1), num_classes=3)({"image": keras.ops.ones((2, 33, 40, 3))})
    >>> {key: tuple(value.shape) for key, value in sorted(out.items())}
    {'logits': (2, 3), 'position_logits': (2, 9, 10, 3)}

    Reference: Jiang et al., OAA, ICCV 2019.
    """

    def __init__(self, backbone: keras.Model, num_classes: int, integral: bool = False, threshold: float = 0.0,
                 name: str = "oaa", **kwargs):
        # === Layers ===
        fc8 = layers.Conv2D(num_classes, 1, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name="fc8")
        in_float32 = layers.Activation("linear", dtype="float32", name="position_logits")
        mean = layers.GlobalAveragePooling2D(dtype="float32", name="logits")
        # === Functional model ===
        maps = in_float32(fc8(backbone.output["classifier"]))
        outputs = {"position_logits": maps, "logits": mean(maps)}
        # === Config ===
        settings = {"num_classes": num_classes, "integral": integral, "threshold": threshold}
        super().__init__(backbone, settings, name=name, inputs={"image": backbone.inputs[0]}, outputs=outputs, **kwargs)
        self.watch: Callable | None = None
        self.veil: Callable | None = None
        self._multilabel, self._hybrid = MultilabelLoss(mean_over_classes=True), HybridLoss(threshold)

    def call(self, inputs, training=None, mask=None):
        """Reads the image, veiled in training; what else a batch holds is for the loss."""
        image = self.veil(inputs) if training and self.veil is not None else inputs["image"]
        return super().call({"image": image}, training=training, mask=mask)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the loss of the labels, or of the gathered maps; shows the batch to `watch` in training."""
        if training and self.watch is not None:
            self.watch(x, y_pred["position_logits"], y_pred["logits"])
        if self._settings["integral"]:
            return self._hybrid(y["attention"], y_pred["position_logits"])
        return self._multilabel(y["labels"], y_pred["logits"])


def attention_network(model: OAA) -> keras.Model:
    """Takes from a network what inference needs.

    Args:
        model: OAA, either network. Shares its weights with the result.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary of "position_logits", raw class maps,
        float32 `(batch, row', column', class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> network = attention_network(OAA(small(width=0.1), num_classes=3))
    >>> tuple(network(keras.ops.ones((1, 17, 40, 3)))["position_logits"].shape)
    (1, 5, 10, 3)
    """
    maps = {"position_logits": model.output["position_logits"]}
    return keras.Model(model.input["image"], maps, name=f"{model.name}_maps")

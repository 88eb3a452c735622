"""Intra-class discriminator: class maps, class directions and the classifier of positions they teach."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from tfwsss.errors import UserError
from tfwsss.layers.batch_normalization import BatchNormalization
from tfwsss.layers.intra_class import ClassDirections, SignCorrection
from tfwsss.layers.superpixel_pool import SuperpixelRefinement
from tfwsss.losses.intra_class import BottomUpLoss, TopDownLoss
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.models.on_backbone import OnBackbone


def _fresh(stddev: float = 0.01):
    return keras.initializers.RandomNormal(stddev=stddev)


@keras.saving.register_keras_serializable(package="tfwsss")
class ICD(OnBackbone):
    """Learns from image-level labels to tell object from background within each class.

    Three branches share a backbone. Class maps (CAM) are trained by the labels.
    Per class a direction of the features, without any label, splits the positions
    of its images in two; class maps say which side is the object, superpixels
    clean the result. It teaches a classifier of positions, whose logits are the
    scores: positive is object, negative is background.

        loss = multilabel + bottom_up + w top_down,   w = exp(-10 (M - step) / M)

    w grows to 1 over the first M = `warm_up_steps` steps; the count is saved with
    the weights. 61 G multiply-adds for VGG-16 at 321x321 pixels.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        num_classes: int. Classes without background.
        head_width: int. Channels of the position classifier's two hidden layers.
        sign_momentum: float. Share of the signs' running mean kept by an update.
        sign_updates_per_step: int. 1 for the whole batch at once, 2 as released on two devices.
        bottom_up_scale: float. Weight of the bottom-up loss.
        top_down_threshold: float. Smallest relative score that teaches.
        warm_up_steps: int. Steps until the top-down loss counts fully; 0 for at once
            (661 published: two epochs of 10,582 images in batches of 32).
        dropout: float. Share of the classifier's features dropped before class maps (VGG-16 has its own).
        accompanied: tuple of int. Classes that no training image shows alone; see `BottomUpLoss`.
        top_down_into_backbone: bool. Whether the top-down loss also trains the backbone, as published. Where it is
            trained fast, that loss makes all features alike that it calls alike, and the directions follow.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255; "regions" int
        `(batch, row, column)`, superpixels; "labels" `(batch, class)`, 0 or 1.

    Returns:
        A dictionary of float32: "cam" `(batch, row', column', class)`, raw class
        maps; "logits" `(batch, class)`, their mean; and, with cam's shape,
        "bottom_up", "corrected", "refined" and "scores". The last does not
        depend on regions or labels (`scorer` needs neither).

    Example:

    >>> from tfwsss.backbones.small import small
    >>> model = ICD(small(width=0.1), num_classes=3, head_width=4)
    >>> batch = {"image": ops.ones((2, 33, 33, 3)), "regions": ops.zeros((2, 33, 33), "int32"),
    ...          "labels": ops.ones((2, 3))}
    >>> tuple(model(batch)["scores"].shape)
    (2, 9, 9, 3)

    Reference: Fan et al., ICD, CVPR 2020.
    """

    def __init__(self, backbone: keras.Model, num_classes: int, head_width: int = 1024, sign_momentum: float = 0.9,
                 sign_updates_per_step: int = 1, bottom_up_scale: float = 10.0, top_down_threshold: float = 0.2,
                 warm_up_steps: int = 0, dropout: float = 0.0, accompanied: Sequence[int] = (),
                 top_down_into_backbone: bool = True, name: str = "icd", **kwargs):
        # === Layers ===
        directions = ClassDirections(num_classes, name="icd_bu")
        sign = SignCorrection(num_classes, sign_momentum, sign_updates_per_step, name="icd_accum_resign")
        refinement = SuperpixelRefinement(name="icd_refined")
        # === Functional model ===
        maps = {key: backbone.output[key] for key in ("features", "classifier")}
        inputs = {"image": backbone.inputs[0], "regions": keras.Input((None, None), dtype="int32", name="regions"),
                  "labels": keras.Input((num_classes,), name="labels")}
        outputs = _class_maps(maps["classifier"], num_classes, dropout)
        features = maps["features"]
        x = _normalise(features if top_down_into_backbone else ops.stop_gradient(features))
        outputs["bottom_up"] = directions(x)
        outputs["corrected"] = sign(outputs["bottom_up"], outputs["cam"], inputs["labels"])
        outputs["refined"] = refinement(outputs["corrected"], inputs["regions"], inputs["labels"])
        outputs["scores"] = _position_classifier(x, num_classes, head_width)
        # === Config ===
        settings = {"num_classes": num_classes, "head_width": head_width, "sign_momentum": sign_momentum,
                    "sign_updates_per_step": sign_updates_per_step, "bottom_up_scale": bottom_up_scale,
                    "top_down_threshold": top_down_threshold, "warm_up_steps": warm_up_steps, "dropout": dropout,
                    "accompanied": list(accompanied), "top_down_into_backbone": top_down_into_backbone}
        super().__init__(backbone, settings, inputs=inputs, outputs=outputs, name=name, **kwargs)
        self._losses_of_terms = (MultilabelLoss(), BottomUpLoss(bottom_up_scale, accompanied),
                                 TopDownLoss(top_down_threshold))
        self._reduce = PerImageLoss()
        self._means = [keras.metrics.Mean(name=term)
                       for term in ("classification", "bottom_up", "top_down", "warm_up")]
        self.step = self.add_weight(shape=(), name="step", dtype="int32", initializer="zeros", trainable=False,
                                    aggregation="only_first_replica")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of the three losses, and notes each (the top-down one before its weight)."""
        multilabel, bottom_up, top_down = self._losses_of_terms
        weight = self._warm_up(training)
        terms = (multilabel.call(x["labels"], y_pred["logits"]), bottom_up.call(x["labels"], y_pred["bottom_up"]),
                 top_down.call(y_pred["refined"], y_pred["scores"]))         # each (batch,)
        for mean, value in zip(self._means, (*terms, weight), strict=True):
            mean.update_state(value)
        total = terms[0] + terms[1] + weight * terms[2]
        return self._reduce(total, total)

    def _warm_up(self, training: bool):
        """Returns the weight of the top-down loss at this step, and counts the step in training."""
        steps = self._settings["warm_up_steps"]
        done = ops.minimum(ops.convert_to_tensor(self.step), steps)
        if training:
            self.step.assign(ops.minimum(done + 1, steps))
        return ops.exp(-10.0 * ops.cast(steps - done, "float32") / max(steps, 1))

    def copy_head(self) -> None:
        """Starts the position classifier from fc6 and fc7, as the release does with VGG-16.

        Raises:
            UserError: the backbone has no fc6 and fc7 of the head's width.
        """
        names = {layer.name for layer in self.layers}
        for source, target in (("fc6", "fc6_ft"), ("fc7", "fc7_ft")):
            if source not in names:
                raise UserError(f"copy_head: backbone {self._backbone_name!r} has no layer {source!r}; use vgg16")
            values, shapes = self.get_layer(source).get_weights(), [w.shape for w in self.get_layer(target).weights]
            if [value.shape for value in values] != [tuple(shape) for shape in shapes]:
                raise UserError(f"copy_head: {source} has shapes {[v.shape for v in values]}, {target} has {shapes}; "
                                "give head_width the backbone's head_channels")
            self.get_layer(target).set_weights(values)


def _class_maps(x, num_classes: int, dropout: float) -> dict:
    """Adds class maps and their mean, in float32."""
    if dropout:
        x = layers.Dropout(dropout, name="fc8_dropout")(x)
    x = layers.Conv2D(num_classes, 1, kernel_initializer=_fresh(), name="fc8")(x)
    cam = layers.Activation("linear", dtype="float32", name="cam")(x)
    return {"cam": cam, "logits": layers.GlobalAveragePooling2D(dtype="float32", name="logits")(cam)}


def _normalise(features):
    """Adds batch normalisation without scale, whose statistics span all replicas."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, scale=False, name="feat_bn")(features)


def _position_classifier(x, num_classes: int, width: int):
    """Adds the top-down branch: two hidden layers, read together with their input."""
    first = layers.Conv2D(width, 3, padding="same", activation="relu", kernel_initializer="he_normal",
                          name="fc6_ft")(x)
    second = layers.Conv2D(width, 1, activation="relu", kernel_initializer="he_normal", name="fc7_ft")(first)
    x = layers.Concatenate(name="conv_ft_input")([x, first, second])
    x = layers.Conv2D(num_classes, 1, use_bias=False, kernel_initializer=_fresh(), name="conv_ft")(x)
    return layers.Activation("linear", dtype="float32", name="scores")(x)


def scorer(model: ICD) -> keras.Model:
    """Takes from a discriminator what inference needs: neither labels nor superpixels.

    Args:
        model: ICD. Shares its weights with the result.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary
        of float32 "cam" and "scores", each `(batch, row', column', class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> maps = scorer(ICD(small(width=0.1), num_classes=3, head_width=4))(ops.ones((1, 17, 40, 3)))
    >>> {key: tuple(value.shape) for key, value in sorted(maps.items())}
    {'cam': (1, 5, 10, 3), 'scores': (1, 5, 10, 3)}
    """
    return keras.Model(model.input["image"], {key: model.output[key] for key in ("cam", "scores")},
                       name=f"{model.name}_scorer")

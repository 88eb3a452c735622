"""SEAM: a classifier whose class maps must stay the same when the image is scaled, and refine each other."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from tfwsss.backbones.resnet38 import DEVIATION, MEAN
from tfwsss.layers.pixel_correlation import PixelCorrelation
from tfwsss.layers.resize_like import ResizeLike
from tfwsss.losses.equivariance import minimum_pooling, two_view_terms
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.models.on_backbone import OnBackbone
from tfwsss.models.taps import mixing, narrowing, own_taps, tapped
from tfwsss.ops.cam import keep_strongest, with_background
from tfwsss.ops.resize import resize

HEADS = ("fc8", "f8_3", "f8_4", "f9")
"""New layers, which learn faster."""

TERMS = ("classes", "minimum", "equivariance", "cross")
"""Losses of the classes, of the least refined maps, of the class maps of both views, between these and refined maps."""

_ADDED = 1e-5


@keras.saving.register_keras_serializable(package="tfwsss")
class SEAM(OnBackbone):
    """Learns class maps from image-level labels of an image and a smaller copy of it, by one network.

    Class maps are a linear classifier of every position, background among the
    classes. Refined maps are read from them by the likeness of lower features
    (`PixelCorrelation`); no gradient of theirs reaches the classifier or the
    backbone, nor do they know the image's labels.

        cam = fc8(x),      p = max(cam, 0),   q = max(p - 1e-5, 0) / (max_p p + 1e-5), of each position the strongest
                           class alone, and background 1 - max_c q
        refined = PixelCorrelation(q, f9(concat(image, relu(f8_3(x_3)), relu(f8_4(x_4)))))
        loss = classes + minimum + equivariance + cross

        classes = multi-label loss of the means of the enlarged maps      minimum = `minimum_pooling` of refined maps
        equivariance, cross: `losses.equivariance.two_view_terms`

    The first two are means over both views. Means are taken after maps were
    enlarged to the image, corners on corners, as released: positions at the border count half. The other convolutions
    are 1x1 without bias. ResNet-38 at 448 pixels takes 436 G multiply-adds an image with its copy, forward.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        num_classes: int. Classes without background.
        taps: two names of the backbone's layers, of the size of "classifier"; () for the first two of
            `backbones.facts`.
        widths: three ints. Channels of f8_3, f8_4 and f9.
        dropout: float in `[0, 1)`. Share of the channels dropped before the classifier.
        plain: bool. Whether the classifier is trained alone: no smaller copy, no refined maps.
        minimum: bool. Whether the least refined maps count, as in the released code and not in the paper.
        scale: float in (0, 1). Of the copy.
        share: float in (0, 1]. See `losses.equivariance.cross_equivariance`.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255. Supervision
        is a dictionary too: "labels" `(batch, class)`, 0 or 1.

    Returns:
        A dictionary of float32 `(batch, row', column', 1 + class)`, the background first: "cam", raw, and, unless
        plain, "refined", at least 0.

    Raises:
        UserError: a backbone without taps of its own where none are named, or a tap that it has not.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = SEAM(small(width=0.1), num_classes=3, widths=(2, 4, 8))({"image": ops.ones((2, 33, 40, 3))})
    >>> {key: tuple(value.shape) for key, value in sorted(out.items())}
    {'cam': (2, 9, 10, 4), 'refined': (2, 9, 10, 4)}

    Reference: Wang et al., SEAM, CVPR 2020.
    """

    def __init__(self, backbone: keras.Model, num_classes: int, taps: Sequence[str] = (),
                 widths: Sequence[int] = (64, 128, 192), dropout: float = 0.5, plain: bool = False,
                 minimum: bool = True, scale: float = 0.3, share: float = 0.2, name: str = "seam", **kwargs):
        # === Layers ===
        drop = layers.SpatialDropout2D(dropout, name="fc8_dropout")
        score = layers.Conv2D(1 + num_classes, 1, use_bias=False, name="fc8")
        in_float32 = layers.Activation("linear", dtype="float32", name="cam")
        # === Functional model ===
        taps = tuple(taps) or own_taps(backbone, "SEAM")[:2]
        outputs = {"cam": in_float32(score(drop(backbone.output["classifier"])))}
        if not plain:
            maps, embedded = _competing(outputs["cam"]), _embedded(backbone, tapped(backbone, taps, "SEAM"), widths)
            outputs["refined"] = PixelCorrelation(name="refined")(maps, embedded)
        # === Config ===
        settings = {"num_classes": num_classes, "taps": list(taps), "widths": list(widths), "dropout": dropout,
                    "plain": plain, "minimum": minimum, "scale": scale, "share": share}
        super().__init__(backbone, settings, inputs={"image": backbone.inputs[0]}, outputs=outputs, name=name, **kwargs)
        self._multilabel, self._reduce = MultilabelLoss(mean_over_classes=True), PerImageLoss()
        terms = (TERMS[0], *(TERMS[1:2] if minimum else ()), *TERMS[2:])
        self._means = [keras.metrics.Mean(name=term) for term in (TERMS[:1] if plain else terms)]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of the terms, and notes each; the smaller copy is seen here."""
        labels, image = ops.cast(y["labels"], "float32"), x["image"]
        views = [_enlarged(y_pred, *ops.shape(image)[1:3])]
        if not self._settings["plain"]:
            rows, columns = (_reduced(side, self._settings["scale"]) for side in ops.shape(image)[1:3])
            small = resize(ops.cast(image, "float32"), rows, columns, align_corners=True)
            views.append(_enlarged(self({"image": small}, training=training), rows, columns))
        terms = [_mean([self._multilabel.call(labels, ops.mean(view["cam"][..., 1:], axis=(1, 2))) for view in views])]
        if not self._settings["plain"]:
            terms += self._of_refined(labels, views)
        for metric, value in zip(self._means, terms, strict=True):
            metric.update_state(value)
        total = sum(terms)                                                   # (batch,)
        return self._reduce(total, total)

    def _of_refined(self, labels, views: list) -> list:
        """Returns the costs of the refined maps, `(batch,)` each."""
        shown = labels[:, None, None]
        pooled = [_mean([minimum_pooling(view["refined"][..., 1:] * shown) for view in views])]
        large, small = ((view["cam"], view["refined"]) for view in views)
        compared = two_view_terms(labels, *large, *small, self._settings["share"])
        return [*(pooled if self._settings["minimum"] else []), *compared]


def _competing(cam):
    """Returns what positions read: normalised maps of which each position keeps the strongest; without gradient."""
    positive = ops.relu(ops.stop_gradient(cam))
    largest = ops.max(positive, axis=(1, 2), keepdims=True) + _ADDED
    share = ops.relu(positive - _ADDED) / largest
    return keep_strongest(with_background(share[..., 1:], 1.0))


def _embedded(backbone: keras.Model, taps: Sequence, widths: Sequence[int]):
    """Returns the features whose likeness counts; no gradient passes to the backbone."""
    scale, offset = [1 / (255 * d) for d in DEVIATION], [-m / d for m, d in zip(MEAN, DEVIATION, strict=True)]
    colours = layers.Rescaling(scale, offset, dtype="float32", name="colours")(backbone.inputs[0])
    parts = [ResizeLike(name="small_colours")(colours, taps[0])]
    parts += [ops.relu(narrowing(width, f"f8_{number}")(ops.stop_gradient(tap)))
              for number, (tap, width) in enumerate(zip(taps, widths[:2], strict=True), start=3)]
    return mixing(widths[2])(layers.Concatenate(name="f8")(parts))


def _enlarged(maps, rows, columns) -> dict:
    """Brings the maps of a view to its image's size."""
    return {key: resize(each, rows, columns, align_corners=True) for key, each in maps.items()}


def _reduced(side, scale: float):
    """Returns the side of the copy in pixels, of a side known or not."""
    if isinstance(side, int):
        return max(1, int(side * scale))
    return ops.maximum(ops.cast(ops.cast(side, "float32") * scale, "int32"), 1)


def _mean(values: list):
    return sum(values) / len(values)


def class_map_network(model: SEAM, keys: Sequence[str] = ("cam", "position_logits", "refined")) -> keras.Model:
    """Takes from a network what inference needs; of the refined maps those of classes, for they are independent.

    Args:
        model: SEAM. Shares its weights with the result.
        keys: of "cam" (class maps, at least 0), "position_logits" (before the positive part is taken) and "refined".

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary of those maps, float32 `(batch, row',
        column', class)`, without background.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> network = class_map_network(SEAM(small(width=0.1), num_classes=3), ["refined"])
    >>> tuple(network(ops.ones((1, 17, 40, 3)))["refined"].shape)
    (1, 5, 10, 3)
    """
    raw = model.output["cam"][..., 1:]
    outputs = {"cam": ops.relu(raw), "position_logits": raw}
    if "refined" in keys:
        layer = model.get_layer("refined")
        maps, embedded = layer.input
        outputs["refined"] = layer(maps[..., 1:], embedded)
    return keras.Model(model.input["image"], {key: outputs[key] for key in keys}, name=f"{model.name}_maps")

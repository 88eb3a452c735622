"""Segmentation network: DeepLab's heads on any backbone, trained on masks that may leave pixels open."""

import keras
from keras import layers, ops

from tfwsss.backbones.facts import facts_of
from tfwsss.errors import UserError
from tfwsss.layers.tap_conv import Conv2D
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.losses.segmentation import SegmentationLoss, labelled
from tfwsss.models.on_backbone import OnBackbone
from tfwsss.ops.planes import largest_plane, resize_planes, to_planes

FIELD = 12
"""Dilation of LargeFOV's 3x3 convolution at output stride 8."""

RATES = (6, 12, 18, 24)
"""Dilations of ASPP's four branches at output stride 8."""

_BRANCHES = range(1, len(RATES) + 1)

HEADS = {"largefov": ("pyram_conv1", "pyram_conv2", "score"), "parallel": tuple(f"score_{k}" for k in _BRANCHES),
         "aspp": tuple(f"{layer}_{k}" for k in _BRANCHES for layer in ("fc6", "fc7", "fc8"))}
"""Kind of head to its layers. `Segmenter.heads` says which of them a model has."""

LOSS_AT = ("full", "grid")
"""Where logits and masks meet."""

_PROBE = 257    # pixels of the square image by which the output stride is found


@keras.saving.register_keras_serializable(package="tfwsss")
class Segmenter(OnBackbone):
    """Learns from masks which id every position has.

    The head sees far by dilation. Dilations are those of output stride 8; at
    another stride they are scaled to span as many pixels. Three kinds:

        largefov   score(pyram_conv2(pyram_conv1(x))), the first 3x3 with dilation 12, ReLU between. On VGG-16 only
                   score: fc6 and fc7 are the backbone's own; build it by `vgg16(fc6_dilation=12)`
        parallel   sum_k score_k(x), each 3x3 with dilation 6, 12, 18, 24, straight to the ids
        aspp       what DeepLab-v2 has on this backbone: `parallel`, but on VGG-16 sum_k fc8_k(fc7_k(fc6_k(pool5))),
                   fc6_k 3x3 with those dilations, which leaves the backbone's own fc6 and fc7 unused

    Published are `largefov` and `aspp` on VGG-16 and ResNet-101; other backbones are treated like ResNets.

        loss = cross entropy of the labelled pixels, see `SegmentationLoss`

    Args:
        backbone: keras.Model. Image to "features" and "classifier"; the head reads the latter.
        num_ids: int. Classes and background.
        head: str, "largefov", "aspp" or "parallel".
        loss_at: str. "full": logits are resized to the mask, corners on corners. "grid": each position is compared
            with the mask's pixel that it lies on, `mask[:, ::stride, ::stride]`; no pixel between counts.
        normaliser: str, "image" or "batch", see `SegmentationLoss`.
        width: int. Channels of the head's hidden layers.
        dropout: float in `[0, 1)`. Share dropped after each hidden layer of the head: 0.5 published for ASPP on
            VGG-16, none for ResNets.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255. Supervision
        is a dictionary too: "mask" int `(batch, row, column)`, 0 background, 255 unknown.

    Returns:
        A dictionary: float32 "logits" `(batch, row', column', id)`.

    Raises:
        UserError: an unknown kind of head, place of the loss or normaliser; ASPP on a VGG-16 without pool5.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = Segmenter(small(width=0.1), num_ids=4, width=8)({"image": ops.ones((2, 33, 40, 3))})
    >>> tuple(out["logits"].shape)
    (2, 9, 10, 4)

    Reference: Chen et al., DeepLab, ICLR 2015 and TPAMI 2018.
    """

    def __init__(self, backbone: keras.Model, num_ids: int, head: str = "largefov", loss_at: str = "full",
                 normaliser: str = "image", width: int = 1024, dropout: float = 0.0, name: str = "segmenter", **kwargs):
        for argument, value, choices in (("head", head, HEADS), ("loss_at", loss_at, LOSS_AT)):
            if value not in choices:
                raise UserError(f"Segmenter: {argument} is {value!r}; expected one of {', '.join(choices)}")
        # === Layers ===
        stride, total = output_stride(backbone), layers.Add(dtype="float32", name="logits")
        in_float32 = layers.Activation("linear", dtype="float32", name="logits")
        # === Functional model ===
        scores = _scores(backbone, head, stride, num_ids, width, dropout)
        logits = total(scores) if len(scores) > 1 else in_float32(scores[0])
        # === Config ===
        settings = {"num_ids": num_ids, "head": head, "loss_at": loss_at, "normaliser": normaliser, "width": width,
                    "dropout": dropout}
        super().__init__(backbone, settings, inputs={"image": backbone.inputs[0]}, outputs={"logits": logits},
                         name=name, **kwargs)
        self._stride, self._cross_entropy, self._reduce = stride, SegmentationLoss(normaliser), PerImageLoss()
        self._accuracy = keras.metrics.Mean(name="accuracy")

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the new layers, which learn faster."""
        present = {layer.name for layer in self.layers}
        return tuple(name for kind in HEADS.values() for name in kind if name in present)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the loss, and notes the share of labelled pixels that are right."""
        ids, planes = ops.cast(y["mask"], "int32"), to_planes(y_pred["logits"])
        if self._settings["loss_at"] == "full":
            _, rows, columns = ops.shape(ids)
            planes = resize_planes(planes, rows, columns, align_corners=True)
        else:
            ids = ids[:, ::self._stride, ::self._stride]
        used = labelled(ids, self._settings["num_ids"])
        self._accuracy.update_state(ops.cast(largest_plane(planes) == ids, "float32"),
                                    sample_weight=ops.cast(used, "float32"))
        costs = self._cross_entropy.of_planes(ids, planes)
        return self._reduce(costs, costs)


def output_stride(backbone: keras.Model) -> int:
    """Returns the number of pixels between positions of what the head reads.

    Args:
        backbone: keras.Model. Image to "features" and "classifier"; the latter is meant. What stands for a backbone and
            reads no images tells it as `stride`.
    """
    if hasattr(backbone, "stride"):
        return backbone.stride
    rows = backbone.compute_output_shape((1, _PROBE, _PROBE, 3))["classifier"][1]
    return (_PROBE - 1) // (rows - 1)


def scaled(rate: int, stride: int) -> int:
    """Returns the dilation that spans as many pixels as `rate` does at output stride 8.

    Args:
        rate: dilation at output stride 8.
        stride: output stride of the network.
    """
    return max(1, round(rate * 8 / stride))


def _scores(backbone: keras.Model, head: str, stride: int, num_ids: int, width: int, dropout: float) -> list:
    """Adds a head; its logits are the sum of what this returns."""
    x, own_head = backbone.output["classifier"], bool(facts_of(backbone.name).heads)
    if head == "largefov" and own_head:
        return [_score(x, num_ids, "score")]
    if head == "largefov":
        for name, kernel, dilation in (("pyram_conv1", 3, scaled(FIELD, stride)), ("pyram_conv2", 1, 1)):
            initial = keras.initializers.VarianceScaling(1.0, "fan_in", "uniform")
            x = _hidden(x, width, kernel, dilation, dropout, name, use_bias=False, kernel_initializer=initial)
        return [_score(x, num_ids, "score",
                       initial=keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal"))]
    rates = [(scaled(rate, stride), k) for k, rate in zip(_BRANCHES, RATES, strict=True)]
    if head == "parallel" or not own_head:
        return [_score(x, num_ids, f"score_{k}", 3, rate) for rate, k in rates]
    if "pool5" not in (layer.name for layer in backbone.layers):
        raise UserError("Segmenter: head 'aspp' reads pool5, which this form of vgg16 has not; build it as form 'icd', "
                        "or choose head 'parallel'")
    ends, x = [], backbone.get_layer("pool5").output
    for rate, k in rates:
        y = _hidden(x, width, 3, rate, dropout, f"fc6_{k}", kernel_initializer="he_normal")
        y = _hidden(y, width, 1, 1, dropout, f"fc7_{k}", kernel_initializer="he_normal")
        ends.append(_score(y, num_ids, f"fc8_{k}"))
    return ends


def _hidden(x, width: int, kernel: int, dilation: int, dropout: float, name: str, **options):
    """Adds a convolution with ReLU, and dropout if wanted."""
    x = Conv2D(width, kernel, dilation, activation="relu", name=name, **options)(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def _score(x, num_ids: int, name: str, kernel: int = 1, dilation: int = 1, initial=None):
    """Adds a convolution to the ids, small at first."""
    initial = initial or keras.initializers.RandomNormal(stddev=0.01)
    return Conv2D(num_ids, kernel, dilation, kernel_initializer=initial, name=name)(x)


def logit_maps(model: Segmenter) -> keras.Model:
    """Takes from a segmenter what inference needs.

    Args:
        model: Segmenter. Shares its weights with the result.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary
        of float32 "logits" `(batch, row', column', id)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> tuple(logit_maps(Segmenter(small(width=0.1), num_ids=4, width=8))(ops.ones((1, 17, 40, 3)))["logits"].shape)
    (1, 5, 10, 4)
    """
    return keras.Model(model.input["image"], {"logits": model.output["logits"]}, name=f"{model.name}_logits")

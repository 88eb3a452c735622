"""CIAN: a segmentation network whose positions also read from a second image of a common class."""

import keras
from keras import layers, ops

from tfwsss.layers.cross_image_affinity import CrossImageAffinity
from tfwsss.layers.tap_conv import Conv2D
from tfwsss.losses.completion import completion_labels
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.losses.segmentation import SegmentationLoss
from tfwsss.models.on_backbone import OnBackbone
from tfwsss.models.segmenter import FIELD, output_stride, scaled

HEADS = ("affinity", "fc1")
"""New layers, which learn faster."""

TERMS = ("self", "cross", "self_completion", "cross_completion")
"""Losses of the self version and of the cross version, in this order."""


@keras.saving.register_keras_serializable(package="tfwsss")
class CIAN(OnBackbone):
    """Learns a segmentation from sparse seeds, helped by groups of images that share a class.

    Every image has two versions of its features: one that has read from itself,
    one that has also read from its group (`CrossImageAffinity`). One classifier,
    a 3x3 convolution without bias, scores both; it spans as many pixels as with
    dilation 12 at output stride 8. Seeds teach both versions, and so does what the
    cross version finds for the classes of the seeds (`completion_labels`).

        loss = CE(z_self, seeds) + CE(z_cross, seeds) + CE(z_self, found) + CE(z_cross, found)

    Each is a mean over the pixels in use of the whole batch. Inference needs the
    self version only (`self_network`), so single images.

    With `cross=False` it is the control: the same layers, weights and groups of
    images, but every image reads from itself only, and the loss is CE(z_self, seeds)
    alone. bn_out then has one use a step.

    Args:
        backbone: keras.Model. Image to "features" and "classifier"; the latter is read.
        num_ids: int. Classes and background.
        group: int. Images of a group.
        filters: int. Width of the embeddings.
        merge: str. "max" or "mean" of the messages.
        merge_self: bool. Whether the self message is one of them.
        similarity: str. "dot" or "cosine".
        cross: bool. Whether images read from each other; False is the control.
        downsample: bool. Whether keys and values are pooled.

    Inputs:
        A dictionary: "image" `(batch, group, row, column, 3)` RGB 0 to 255. Supervision
        is a dictionary too: "mask" int `(batch, group, row', column')`, labels of the
        grid's positions, 0 background, 255 unknown.

    Returns:
        A dictionary of float32: "logits" of the self version `(batch, group, row',
        column', id)` and, unless it is the control, "cross_logits" of the same shape.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = CIAN(small(width=0.1), num_ids=4, filters=8)({"image": ops.ones((3, 2, 33, 40, 3))})
    >>> {key: tuple(value.shape) for key, value in sorted(out.items())}
    {'cross_logits': (3, 2, 9, 10, 4), 'logits': (3, 2, 9, 10, 4)}

    Reference: Fan et al., CIAN, AAAI 2020.
    """

    def __init__(self, backbone: keras.Model, num_ids: int, group: int = 2, filters: int = 1024, merge: str = "max",
                 merge_self: bool = True, similarity: str = "dot", cross: bool = True, downsample: bool = True,
                 name: str = "cian", **kwargs):
        # === Layers ===
        affinity = CrossImageAffinity(filters, merge, merge_self, similarity, downsample, name="affinity")
        fc1 = Conv2D(num_ids, 3, scaled(FIELD, output_stride(backbone)), use_bias=False,
                     kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name="fc1")
        # === Functional model ===
        image = keras.Input((group, None, None, 3), name="image")
        x = backbone(_members_behind_each_other(image, group))["classifier"]
        versions = affinity(_members_in_groups(x, group)) if cross else affinity(ops.expand_dims(x, 1))[:1]
        outputs = {}
        for key, version in zip(("logits", "cross_logits"), versions, strict=False):
            flat = _members_behind_each_other(version, group) if cross else ops.squeeze(version, 1)
            logits = layers.Activation("linear", dtype="float32", name=key)(fc1(flat))
            outputs[key] = _members_in_groups(logits, group)
        # === Config ===
        settings = {"num_ids": num_ids, "group": group, "filters": filters, "merge": merge, "merge_self": merge_self,
                    "similarity": similarity, "cross": cross, "downsample": downsample}
        super().__init__(backbone, settings, inputs={"image": image}, outputs=outputs, name=name, **kwargs)
        self._cross_entropy, self._reduce = SegmentationLoss("batch"), PerImageLoss()
        self._means = [keras.metrics.Mean(name=term) for term in (TERMS if cross else ())]

    @property
    def backbone(self) -> keras.Model:
        """The backbone, one layer of this model."""
        return self.get_layer(self._backbone_name)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of the losses, and notes each."""
        cost = self._cross_entropy.call
        labels, logits = _images(y["mask"]), _images(y_pred["logits"])
        terms = [cost(labels, logits)]                                       # each (batch * group,)
        if self._settings["cross"]:
            cross = _images(y_pred["cross_logits"])
            found = completion_labels(cross, labels)
            terms += [cost(labels, cross), cost(found, logits), cost(found, cross)]
        for mean, value in zip(self._means, terms, strict=False):
            mean.update_state(value)
        total = sum(terms)
        return self._reduce(total, total)


def _members_behind_each_other(x, group: int):
    """Turns `(batch, group, ...)` to `(group * batch, ...)`: all first members, all second members, ..."""
    return ops.concatenate(ops.unstack(x, group, axis=1), axis=0)


def _members_in_groups(x, group: int):
    """Turns `(group * batch, ...)` back to `(batch, group, ...)`."""
    return ops.stack(ops.split(x, group, axis=0), axis=1)


def _images(x):
    """Turns `(batch, group, ...)` to `(batch * group, ...)`."""
    return ops.reshape(x, (-1, *ops.shape(x)[2:]))


def self_network(model: CIAN) -> keras.Model:
    """Takes from a network what inference needs: each image reads from itself, with the moving statistics.

    Args:
        model: CIAN, the control or not. Shares its weights with the result.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary
        of float32 "logits" `(batch, row', column', id)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> tuple(self_network(CIAN(small(width=0.1), num_ids=4, filters=8))(ops.ones((1, 17, 40, 3)))["logits"].shape)
    (1, 5, 10, 4)
    """
    own, _ = model.get_layer("affinity")(ops.expand_dims(model.backbone.output["classifier"], 1))
    logits = model.get_layer("logits")(model.get_layer("fc1")(ops.squeeze(own, 1)))
    return keras.Model(model.backbone.input, {"logits": logits}, name=f"{model.name}_self")

"""MCIS: a classifier of pairs of images that share a class, by what they have in common and by what they have not."""

import keras
from keras import layers, ops

from tfwsss.layers.co_attention import CoAttention
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.models.on_backbone import OnBackbone
from tfwsss.ops.replicas import sum_over_replicas

VERSION = 2
"""Raised whenever a training's numbers change, so that finished runs are known to be stale."""

HEADS = ("extra*", "fc8", "co_attention")
"""New layers, which learn faster; the first are those of the backbone's own form."""

VIEWS = ("mirrored", "smaller", "larger")
"""Other views of the first image, each of which makes one more pair with it."""

TERMS = ("basic", "common", "views", "contrastive")
"""Losses of the pair's own classes, of its shared classes, of the pairs with other views, of the classes not shared."""


@keras.saving.register_keras_serializable(package="tfwsss")
class MCIS(OnBackbone):
    """Learns class maps from image-level labels of pairs that share a class.

    Each image alone must show its classes; what the two have in common
    (`CoAttention`) must show the classes they share; from a certain step on, what is
    left of each its other classes. Other views of the first image make further pairs.

        y = y1 y2,  r_k = y_k - y,  L = mean_c softplus(z_c) - label_c z_c
        basic       = mean_k L(z_k, y_k)                   common = mean_k L(common_k, y)
        views       = sum_v mean(L(z_1, y1), L(z_v, y1)) + mean_k L(common_k of (1, v), y1)
        contrastive = sum_k [step >= from and any r_k > 0 in the batch] L(rest_k, r_k)

    The mean over the batch is taken of each; the loss is their sum. While the
    switch is off, the gate has a gradient of 0, and decays. Every image passes the
    backbone once a step: the pair and its mirrored view, of one size, in one call.
    VGG-16 at 256 pixels takes 248 G multiply-adds a pair, forward.

    Args:
        backbone: keras.Model. Image to "features" and "classifier"; the latter is read.
        num_classes: int. Classes without background.
        self_views: bool. Whether other views of the first image make pairs with it.
        contrastive_from_step: int or None. Step, counted from 0, from which on what is left counts; None: never.
        alike: bool. Positions start by reading those like themselves, and class maps start near 0; else both as drawn
            by the release, which suits the features of its own layers only: see `layers.co_attention`.

    Inputs:
        A dictionary: "image" `(batch, 2, row, column, 3)` RGB 0 to 255; with `self_views` also "mirrored", of the
        same rows and columns, "smaller" and "larger" `(batch, row', column', 3)`. Supervision is a dictionary too:
        "labels" `(batch, 2, class)`, 0 or 1.

    Returns:
        A dictionary of float32: "logits" `(batch, image, class)` of the pair, then of the views; "common" `(batch,
        pair, 2, class)` of the pair, then of the first image with each view; "rest" `(batch, 2, class)` of the pair.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> model = MCIS(small(width=0.1), num_classes=3, self_views=False)
    >>> out = model({"image": ops.ones((4, 2, 33, 40, 3))})
    >>> {key: tuple(value.shape) for key, value in sorted(out.items())}
    {'common': (4, 1, 2, 3), 'logits': (4, 2, 3), 'rest': (4, 2, 3)}

    Reference: Sun et al., MCIS, ECCV 2020.
    """

    def __init__(self, backbone: keras.Model, num_classes: int, self_views: bool = True,
                 contrastive_from_step: int | None = 0, alike: bool = False, name: str = "mcis", **kwargs):
        # === Layers ===
        draw = keras.initializers.RandomNormal(stddev=0.01) if alike else \
            keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        fc8 = layers.Conv2D(num_classes, 1, name="fc8", kernel_initializer=draw)
        mean = layers.GlobalAveragePooling2D(dtype="float32", name="logits")
        co_attention = CoAttention(num_classes, alike, name="co_attention")
        # === Functional model ===
        inputs = {"image": keras.Input((2, None, None, 3), name="image")}
        same_size = list(ops.unstack(inputs["image"], 2, axis=1))
        if self_views:
            inputs |= {view: keras.Input((None, None, 3), name=view) for view in VIEWS}
            same_size.append(inputs["mirrored"])
        stacks = [ops.concatenate(same_size, axis=0), *(inputs[view] for view in VIEWS[1:] if self_views)]
        maps = [backbone(stack)["classifier"] for stack in stacks]
        logits = [mean(fc8(x)) for x in maps]
        first, *others = ops.split(maps[0], len(same_size), axis=0)
        pairs = [co_attention(first, other) for other in (*others, *maps[1:])]
        outputs = {"logits": ops.stack([*ops.split(logits[0], len(same_size), axis=0), *logits[1:]], axis=1),
                   "common": ops.stack([_scores(pair[:2]) for pair in pairs], axis=1), "rest": _scores(pairs[0][2:])}
        # === Config ===
        settings = {"num_classes": num_classes, "self_views": self_views,
                    "contrastive_from_step": contrastive_from_step, "alike": alike}
        super().__init__(backbone, settings, inputs=inputs, outputs=outputs, name=name, **kwargs)
        self._multilabel, self._reduce = MultilabelLoss(mean_over_classes=True), PerImageLoss()
        self._means = [keras.metrics.Mean(name=term) for term in TERMS]
        self.step = self.add_weight(shape=(), name="step", dtype="int32", initializer="zeros", trainable=False,
                                    aggregation="only_first_replica")

    @property
    def backbone(self) -> keras.Model:
        """The backbone, one layer of this model."""
        return self.get_layer(self._backbone_name)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of the terms, and notes each."""
        labels = ops.cast(y["labels"], "float32")                            # (batch, 2, class)
        shared = labels[:, :1] * labels[:, 1:]                               # (batch, 1, class)
        rest = labels - shared
        logits, common = y_pred["logits"], y_pred["common"]
        terms = [self._mean_cost(labels, logits[:, :2]), self._mean_cost(shared, common[:, 0]),
                 self._of_views(labels[:, :1], logits, common)]
        costs = self._multilabel.call(rest, y_pred["rest"])                  # (batch, 2)
        held = sum_over_replicas(ops.sum(rest, axis=(0, 2))) > 0             # of the whole batch, (2,)
        terms.append(self._switch(training) * ops.sum(ops.cast(held, "float32") * costs, axis=1))
        for metric, value in zip(self._means, terms, strict=True):
            metric.update_state(value)
        total = sum(terms)                                                   # (batch,)
        return self._reduce(total, total)

    def _mean_cost(self, labels, logits):
        """Returns the mean cost of the images of each pair; one set of labels stands for both."""
        return ops.mean(self._multilabel.call(labels, logits), axis=1)

    def _of_views(self, labels, logits, common):
        """Returns the costs of the pairs with other views, `(batch,)`; 0 without any."""
        total = ops.zeros_like(logits[:, 0, 0])
        for place in range(1, common.shape[1]):
            alone = ops.stack([logits[:, 0], logits[:, 1 + place]], axis=1)
            total = total + self._mean_cost(labels, alone) + self._mean_cost(labels, common[:, place])
        return total

    def _switch(self, training: bool):
        """Returns 1 where what is left counts at this step, else 0, and counts the step in training."""
        start = self._settings["contrastive_from_step"]
        if start is None:
            return 0.0
        done = ops.minimum(ops.convert_to_tensor(self.step), start)
        if training:
            self.step.assign(ops.minimum(done + 1, start))
        return ops.cast(done >= start, "float32")


def _scores(maps):
    """Returns the means of the maps of both images of a pair, `(batch, 2, class)`."""
    return ops.stack([ops.mean(one, axis=(1, 2)) for one in maps], axis=1)


def class_map_network(model: MCIS) -> keras.Model:
    """Takes from a network its plain class maps, of an image by itself.

    Args:
        model: MCIS. Shares its weights with the result.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary of "cam", raw class maps, float32
        `(batch, row', column', class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> maps = class_map_network(MCIS(small(width=0.1), num_classes=3))(ops.ones((1, 17, 40, 3)))["cam"]
    >>> tuple(maps.shape)
    (1, 5, 10, 3)
    """
    backbone = model.backbone
    return keras.Model(backbone.input, {"cam": _plain(model, backbone.output["classifier"])}, name=f"{model.name}_maps")


def _plain(model: MCIS, features):
    return layers.Activation("linear", dtype="float32", name="cam")(model.get_layer("fc8")(features))


def view_network(model: MCIS, mirrored: bool = True) -> keras.Model:
    """Takes from a network what is seen of an image at its first size: plain class maps and features.

    Args:
        model: MCIS. Shares its weights with the result.
        mirrored: bool. Whether the mirrored image is seen too, in the same call.

    Returns:
        keras.Model, image `(batch, row, column, 3)` to a dictionary of "cam", as of `class_map_network`, "features",
        as of `feature_network`, and perhaps "mirrored", features of the mirrored image.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> sorted(view_network(MCIS(small(width=0.1), num_classes=3)).output)
    ['cam', 'features', 'mirrored']
    """
    image = keras.Input((None, None, 3), name="image")
    ways = ops.concatenate([image, ops.flip(image, axis=2)], axis=0) if mirrored else image
    seen = ops.split(model.backbone(ways)["classifier"], 2 if mirrored else 1, axis=0)
    outputs = dict(zip(("features", VIEWS[0]), seen, strict=False))
    return keras.Model(image, {"cam": _plain(model, seen[0]), **outputs}, name=f"{model.name}_views")


def feature_network(model: MCIS, key: str = "features") -> keras.Model:
    """Takes from a network what is reckoned once an image, and may be kept of reference images.

    Args:
        model: MCIS. Shares its weights with the result.
        key: str. Name of the result.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary of features `(batch, row', column',
        channel)` under the key.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> features = feature_network(MCIS(small(width=0.1), num_classes=3))(ops.ones((1, 17, 40, 3)))["features"]
    >>> tuple(features.shape)
    (1, 5, 10, 10)
    """
    backbone = model.backbone
    return keras.Model(backbone.input, {key: backbone.output["classifier"]}, name=f"{model.name}_{key}")


def pair_network(model: MCIS) -> keras.Model:
    """Takes from a network what makes class maps of an image by what it has in common with references.

    Neither classifies the images alone, nor what they do not share. At 32x32
    positions and 512 channels a pair takes 0.54 G multiply-adds, and 0.27 G an image.

    Args:
        model: MCIS. Shares its weights with the result.

    Returns:
        keras.Model, a dictionary of "features" `(batch, row, column, channel)` and "reference" `(batch, row',
        column', channel)`, either of which may be one for all of the other, to a dictionary of raw class maps,
        float32: "cam" `(batch, row, column, class)` and "reference_cam" `(batch, row', column', class)`.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> network = pair_network(MCIS(small(width=0.1), num_classes=3))
    >>> maps = network({"features": ops.ones((1, 5, 6, 10)), "reference": ops.ones((4, 3, 3, 10))})
    >>> tuple(maps["cam"].shape), tuple(maps["reference_cam"].shape)
    ((4, 5, 6, 3), (4, 3, 3, 3))
    """
    channels = model.backbone.output["classifier"].shape[-1]
    inputs = {key: keras.Input((None, None, channels), name=key) for key in ("features", "reference")}
    cam, reference_cam, *_ = model.get_layer("co_attention")(inputs["features"], inputs["reference"])
    return keras.Model(inputs, {"cam": cam, "reference_cam": reference_cam}, name=f"{model.name}_pairs")

"""A2GNN's affinity network: AffinityNet's features, learnt for a square window from seeds and from the image itself."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.losses.affinity import KINDS
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.losses.window_affinity import WindowAffinityLoss, gated_distance
from tfwsss.models.affinity_features import check_grid, embedding, taps_of
from tfwsss.models.on_backbone import OnBackbone
from tfwsss.ops.colours import standardised
from tfwsss.ops.resize import resize
from tfwsss.ops.window_kernel import window_kernel


@keras.saving.register_keras_serializable(package="tfwsss")
class WindowAffinityNet(OnBackbone):
    """Learns which near positions belong to the same class, from seeds and from likeness in the image.

    The features are AffinityNet's (`models.affinity_features`). Seeds ask for affinities of 0 and 1
    (`WindowAffinityLoss`); where there are none, positions that look alike are drawn together (`gated_distance`).

        loss = background / 4 + foreground / 4 + negative / 2 + crf_weight · crf

    No weight depends on the radius: `graph_network` reads affinities of any.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        taps: three names of the backbone's layers; () for those of `backbones.facts`.
        widths: three ints. Channels of f8_3, f8_4 and f8_5; f9 keeps their sum.
        group_norm: bool. Whether narrowed maps are normalised.
        radius: int. The window of the losses is `2 radius + 1` wide.
        mask_border: bool. Whether cells outside the map are left out; released: they are background.
        crf_weight: float. Of what the image itself teaches.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255. Supervision
        is a dictionary too: "mask" int `(batch, row', column')`, seeds of the
        grid's positions, 0 background, 255 unknown; "inside", same shape, 1 where
        the crop shows the image and 0 where it is filled up.

    Returns:
        A dictionary of float32: "embedding" `(batch, row', column', sum of widths)`.

    Raises:
        UserError: a backbone without taps of its own where none are named, a tap that it has not, or taps of
            different sizes; in training a mask that is not of the grid's size.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = WindowAffinityNet(small(width=0.1), widths=(2, 4, 8))({"image": ops.ones((2, 33, 40, 3))})
    >>> tuple(out["embedding"].shape)
    (2, 9, 10, 14)

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """

    def __init__(self, backbone: keras.Model, taps: Sequence[str] = (), widths: Sequence[int] = (64, 128, 256),
                 group_norm: bool = False, radius: int = 3, mask_border: bool = False, crf_weight: float = 3.0,
                 name: str = "window_affinity_net", **kwargs):
        # === Functional model ===
        taps = taps_of(backbone, taps)
        x = embedding(backbone, taps, widths, group_norm)
        # === Config ===
        settings = {"taps": list(taps), "widths": list(widths), "group_norm": group_norm, "radius": radius,
                    "mask_border": mask_border, "crf_weight": crf_weight}
        super().__init__(backbone, settings, inputs={"image": backbone.inputs[0]}, outputs={"embedding": x}, name=name,
                         **kwargs)
        self.radius, self.crf_weight = radius, crf_weight
        self._pairs, self._reduce = WindowAffinityLoss(radius, mask_border), PerImageLoss()
        self._means = [keras.metrics.Mean(name=kind) for kind in (*KINDS, "crf")]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the loss of the pairs, and notes its four terms."""
        features = y_pred["embedding"]
        for key in ("mask", "inside"):
            check_grid(y[key].shape, features.shape)
        small = resize(standardised(x["image"]), *ops.shape(features)[1:3])
        distance = self._pairs.distance(features)
        terms = self._pairs.terms(y["mask"], features, distance)             # (batch, 3)
        crf = gated_distance(window_kernel(small, self.radius, inside=y["inside"]), distance)
        for mean, values in zip(self._means, (*ops.unstack(terms, axis=1), crf), strict=True):
            mean.update_state(values)
        total = ops.matmul(terms, ops.convert_to_tensor(self._pairs.weights, "float32")) + self.crf_weight * crf
        return self._reduce(total, total)

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the layers that the features are made of."""
        return tuple(self._settings["taps"])


def graph_network(model: WindowAffinityNet, radius: int) -> keras.Model:
    """Takes from a network what turns an image into a graph of its positions.

    Args:
        model: WindowAffinityNet. Shares its weights with the result.
        radius: int. Positions are joined to those of a window that is `2 radius + 1` wide.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary of float32: "features"
        `(batch, row', column', channel)`, at least 0, the taps side by side; "affinity"
        `(batch, row', column', offset)`, in (0, 1], 0 where a pair leaves the map, offsets as `half_window(radius)`:
        one of each opposite pair, since both ways are the same.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> network = graph_network(WindowAffinityNet(small(width=0.1), widths=(2, 4, 8)), radius=2)
    >>> {key: tuple(value.shape) for key, value in sorted(network(ops.ones((1, 17, 40, 3))).items())}
    {'affinity': (1, 5, 10, 12), 'features': (1, 5, 10, 26)}

    Reference: Zhang et al., A2GNN, TPAMI 2021.
    """
    taps = [model.get_layer(tap).output for tap in model.taps]
    features = layers.ReLU(dtype="float32", name="node_features")(layers.Concatenate(name="taps")(taps))
    pairs = PairwiseAffinity(radius, border="full", shape="window", name="window_affinity")
    outputs = {"features": features, "affinity": pairs(model.output["embedding"])}
    return keras.Model(model.input["image"], outputs, name=f"{model.name}_graph")

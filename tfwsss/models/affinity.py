"""AffinityNet: features whose likeness says whether two positions belong together."""

from collections.abc import Sequence

import keras
from keras import ops

from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.layers.path_affinity import PathAffinity
from tfwsss.losses.affinity import KINDS, AffinityLoss
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.models.affinity_features import check_grid, embedding, taps_of
from tfwsss.models.on_backbone import OnBackbone


@keras.saving.register_keras_serializable(package="tfwsss")
class AffinityNet(OnBackbone):
    """Learns which near positions belong to the same class, from label maps that may leave most of the image open.

    The mean difference of features of three maps of the backbone (`models.affinity_features`) gives the affinity.

        affinity[p, k] = exp(-mean_c |f_c(p) - f_c(p + offset_k)|)

    See `AffinityLoss` and `PairwiseAffinity`.

    Args:
        backbone: keras.Model. Image to "features" and "classifier".
        taps: three names of the backbone's layers; () for those of `backbones.facts`.
        widths: three ints. Channels of f8_3, f8_4 and f8_5; f9 keeps their sum.
        group_norm: bool. Whether narrowed maps are normalised: True is published for VGG-16.
        radius: int. Pairs are nearer than this.
        border: str. "released" or "full", see `PairwiseAffinity`; train and infer with the same.

    Inputs:
        A dictionary: "image" `(batch, row, column, 3)` RGB 0 to 255. Supervision
        is a dictionary too: "mask" int `(batch, row', column')`, labels of the
        grid's positions, 0 background, 255 unknown.

    Returns:
        A dictionary of float32: "embedding" `(batch, row', column', sum of widths)`
        and "affinity" `(batch, row', column', offset)`, 0 to 1.

    Raises:
        UserError: a backbone without taps of its own where none are named, a tap that it has not, or taps of
            different sizes; in training a mask that is not of the grid's size.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> out = AffinityNet(small(width=0.1), widths=(2, 4, 8))({"image": ops.ones((2, 33, 40, 3))})
    >>> {key: tuple(value.shape) for key, value in sorted(out.items())}
    {'affinity': (2, 9, 10, 34), 'embedding': (2, 9, 10, 14)}

    Reference: Ahn and Kwak, CVPR 2018.
    """

    def __init__(self, backbone: keras.Model, taps: Sequence[str] = (), widths: Sequence[int] = (64, 128, 256),
                 group_norm: bool = False, radius: int = 5, border: str = "released", name: str = "affinity_net",
                 **kwargs):
        # === Layers ===
        taps = taps_of(backbone, taps)
        pairs = PairwiseAffinity(radius, border, name="affinity")
        # === Functional model ===
        x = embedding(backbone, taps, widths, group_norm)
        outputs = {"embedding": x, "affinity": pairs(x)}
        # === Config ===
        settings = {"taps": list(taps), "widths": list(widths), "group_norm": group_norm, "radius": radius,
                    "border": border}
        super().__init__(backbone, settings, inputs={"image": backbone.inputs[0]}, outputs=outputs, name=name, **kwargs)
        self._pairs, self._reduce = AffinityLoss(radius, border), PerImageLoss()
        self._means = [keras.metrics.Mean(name=kind) for kind in KINDS]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the loss of the pairs, and notes its three terms."""
        check_grid(y["mask"].shape, y_pred["affinity"].shape)
        terms = self._pairs.terms(y["mask"], y_pred["affinity"])             # (batch, 3)
        for place, mean in enumerate(self._means):
            mean.update_state(terms[:, place])
        total = ops.matmul(terms, ops.convert_to_tensor(self._pairs.weights, "float32"))
        return self._reduce(total, total)


def affinities(model: AffinityNet, paths: bool = False) -> keras.Model:
    """Takes from a network what inference needs.

    Args:
        model: AffinityNet. Shares its weights with the result.
        paths: bool. Whether a pair is as alike as the weakest link on the straight path between its positions
            (`PathAffinity`, all pairs of the map), in place of what was trained.

    Returns:
        keras.Model, image `(batch, row, column, 3)` of any size to a dictionary
        of float32 "affinity" `(batch, row', column', offset)`, as `random_walk` reads it.

    Example:

    >>> from tfwsss.backbones.small import small
    >>> tuple(affinities(AffinityNet(small(width=0.1), widths=(2, 4, 8)))(ops.ones((1, 17, 40, 3)))["affinity"].shape)
    (1, 5, 10, 34)
    """
    affinity = model.output["affinity"]
    if paths:
        affinity = PathAffinity(model.get_layer("affinity").radius, name="path_affinity")(model.output["embedding"])
    return keras.Model(model.input["image"], {"affinity": affinity}, name=f"{model.name}_affinities")

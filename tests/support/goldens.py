"""One tiny example of every class registered under "tfwsss": how to make it and what to feed it.

A new class needs one line here, or `test_conformance.py` fails. `inputs` are the
positional arguments of a call: of a layer or model its tensors, of a loss y_true
and y_pred, of a metric the arguments of `update_state`; the first axis is the batch.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfwsss.backbones.small import small
from tfwsss.backbones.vit import FORMS
from tfwsss.layers.attention import Attention, LayerScale
from tfwsss.layers.attention_spread import AttentionSpread
from tfwsss.layers.batch_normalization import BatchNormalization
from tfwsss.layers.co_attention import CoAttention
from tfwsss.layers.cross_image_affinity import CrossImageAffinity
from tfwsss.layers.dense_crf import DenseCRF
from tfwsss.layers.intra_class import ClassDirections, SignCorrection
from tfwsss.layers.pairwise_affinity import PairwiseAffinity
from tfwsss.layers.patches import PatchTokens, TokenMap, WholePatches
from tfwsss.layers.path_affinity import PathAffinity
from tfwsss.layers.pixel_correlation import PixelCorrelation
from tfwsss.layers.random_walk import RandomWalk
from tfwsss.layers.resize_like import ResizeLike
from tfwsss.layers.scaled_unit import ScaledUnit
from tfwsss.layers.superpixel_pool import SuperpixelRefinement
from tfwsss.layers.tap_conv import Conv2D
from tfwsss.losses.affinity import AffinityLoss
from tfwsss.losses.gated_crf import GatedCRFLoss
from tfwsss.losses.hybrid import HybridLoss
from tfwsss.losses.intra_class import BottomUpLoss, TopDownLoss
from tfwsss.losses.multilabel import MultilabelLoss
from tfwsss.losses.per_image import PerImageLoss
from tfwsss.losses.segmentation import SegmentationLoss
from tfwsss.losses.window_affinity import WindowAffinityLoss
from tfwsss.models.affinity import AffinityNet
from tfwsss.models.cian import CIAN
from tfwsss.models.classifier import Classifier
from tfwsss.models.clip_maps import ClipMaps
from tfwsss.models.icd import ICD
from tfwsss.models.mcis import MCIS
from tfwsss.models.oaa import OAA
from tfwsss.models.seam import SEAM
from tfwsss.models.segmenter import Segmenter
from tfwsss.models.window_affinity import WindowAffinityNet
from tfwsss.training import optimizers, schedules


@dataclasses.dataclass(frozen=True)
class Golden:
    """How to make one object, and the positional arguments to call it with."""

    build: Callable[[], Any]
    inputs: tuple = ()
    half_precision: float = 0.05        # largest share by which float16 may differ from float32
    over_batch: bool = False            # of a loss whose normaliser is the whole batch: images depend on each other


RANDOM = np.random.default_rng(0)
SIGNED = RANDOM.normal(size=(4, 5, 6, 3)).astype("float32")
OTHER = RANDOM.normal(size=(4, 5, 6, 3)).astype("float32")
LABELS = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0], [1, 1, 1]], "float32")
LOGITS = RANDOM.normal(size=(4, 3)).astype("float32")
REGIONS = RANDOM.integers(0, 7, (4, 9, 11)).astype("int32")
IMAGES = RANDOM.uniform(0, 255, (4, 9, 11, 3)).astype("float32")
SMALL_IMAGES = RANDOM.uniform(0, 255, (4, 5, 6, 3)).astype("float32")
AFFINITY = RANDOM.uniform(0, 1, (4, 5, 6, 4)).astype("float32")
MASKS = RANDOM.choice([0, 1, 2, 255], (4, 5, 6)).astype("int32")
PROBABILITIES = np.exp(SIGNED) / np.exp(SIGNED).sum(-1, keepdims=True)
PAIRS = RANDOM.normal(size=(4, 2, 5, 6, 3)).astype("float32")
PAIRS_OF_IMAGES = RANDOM.uniform(0, 255, (4, 2, 9, 11, 3)).astype("float32")
TOKENS = RANDOM.normal(size=(4, 7, 6)).astype("float32")
ATTENTION = RANDOM.uniform(0.1, 1, (4, 6, 6)).astype("float32")


def cross_image_affinity() -> CrossImageAffinity:
    layer = CrossImageAffinity(filters=4)
    layer.build((None, *PAIRS.shape[1:]))
    layer.bn_out.gamma.assign(np.ones(3))       # 0 at first: nothing would be added
    return layer


def icd() -> ICD:
    keras.utils.set_random_seed(0)
    return ICD(small(width=0.1), num_classes=3, head_width=4, warm_up_steps=3)


def classifier() -> Classifier:
    return Classifier(small(width=0.1), num_classes=3, dropout=0.0, root=True)


def affinity_net() -> AffinityNet:
    return AffinityNet(small(width=0.1), widths=(8, 8, 16), group_norm=True, radius=2, border="full")


def window_affinity_net() -> WindowAffinityNet:
    return WindowAffinityNet(small(width=0.1), widths=(8, 8, 16), group_norm=True, radius=2)


def cian() -> CIAN:
    model = CIAN(small(width=0.1), num_ids=3, filters=4)
    model.get_layer("affinity").bn_out.gamma.assign(np.ones(10))    # 0 at first: nothing would be added
    return model


GOLDENS = {
    "BatchNormalization": Golden(BatchNormalization, (SIGNED,)),
    "Attention": Golden(lambda: Attention(2, causal=True), (TOKENS, TOKENS[:, ::-1], -TOKENS)),
    "AttentionSpread": Golden(lambda: AttentionSpread(8, 14), (SIGNED, ATTENTION, SIGNED[:, :2, :3])),
    "ScaledUnit": Golden(ScaledUnit, (SIGNED,)),
    "LayerScale": Golden(lambda: LayerScale(0.5), (SIGNED,)),
    "WholePatches": Golden(lambda: WholePatches(4, corners=True), (IMAGES,)),
    "PatchTokens": Golden(lambda: PatchTokens(3, cubic=True), (SIGNED,)),
    "TokenMap": Golden(TokenMap, (TOKENS, SIGNED[:, :2, :3])),
    "Conv2D": Golden(lambda: Conv2D(2, 3, dilation_rate=2), (SIGNED,)),
    "ClassDirections": Golden(lambda: ClassDirections(2), (SIGNED,)),
    "SignCorrection": Golden(lambda: SignCorrection(3, momentum=0.8, updates_per_step=2), (SIGNED, OTHER, LABELS)),
    "SuperpixelRefinement": Golden(SuperpixelRefinement, (SIGNED, REGIONS, LABELS)),
    "RandomWalk": Golden(lambda: RandomWalk(radius=2, steps=3), (SIGNED, AFFINITY)),
    "CrossImageAffinity": Golden(cross_image_affinity, (PAIRS,)),
    "CoAttention": Golden(lambda: CoAttention(3), (SIGNED, OTHER)),
    "DenseCRF": Golden(lambda: DenseCRF(iterations=2), (SIGNED, SMALL_IMAGES)),
    "PairwiseAffinity": Golden(lambda: PairwiseAffinity(radius=2, border="full"), (SIGNED,)),
    "PathAffinity": Golden(lambda: PathAffinity(radius=3), (SIGNED,)),
    "PixelCorrelation": Golden(lambda: PixelCorrelation(block=7), (SIGNED, OTHER)),
    "ResizeLike": Golden(ResizeLike, (SIGNED, SMALL_IMAGES[:, :3])),
    "MultilabelLoss": Golden(lambda: MultilabelLoss(mean_over_classes=True), (LABELS, LOGITS)),
    "BottomUpLoss": Golden(lambda: BottomUpLoss(scale=3.0), (LABELS, SIGNED)),
    "TopDownLoss": Golden(lambda: TopDownLoss(threshold=0.3), (OTHER, SIGNED)),
    "HybridLoss": Golden(lambda: HybridLoss(0.001), (np.clip(OTHER, 0, 1), SIGNED)),
    "AffinityLoss": Golden(lambda: AffinityLoss(2, "full"), (MASKS, AFFINITY), over_batch=True),
    "GatedCRFLoss": Golden(lambda: GatedCRFLoss(2, [(0.5, 6.0, 1.0), (0.5, 3.0, None)]), (OTHER, PROBABILITIES)),
    "WindowAffinityLoss": Golden(lambda: WindowAffinityLoss(2), (MASKS, SIGNED), over_batch=True),
    "PerImageLoss": Golden(PerImageLoss, (LOGITS[:, 0], LOGITS[:, 0])),
    "SegmentationLoss": Golden(lambda: SegmentationLoss("batch"), (MASKS, SIGNED), over_batch=True),
    "ICD": Golden(icd, ({"image": IMAGES, "regions": REGIONS, "labels": LABELS},)),
    "CIAN": Golden(cian, ({"image": PAIRS_OF_IMAGES},)),
    "MCIS": Golden(lambda: MCIS(small(width=0.1), num_classes=3),
                   ({"image": PAIRS_OF_IMAGES, "mirrored": IMAGES, "smaller": SMALL_IMAGES, "larger": IMAGES},)),
    "OAA": Golden(lambda: OAA(small(width=0.1), num_classes=3), ({"image": IMAGES},)),
    "SEAM": Golden(lambda: SEAM(small(width=0.1), num_classes=3, widths=(4, 8, 12), dropout=0.0), ({"image": IMAGES},)),
    "Classifier": Golden(classifier, ({"image": IMAGES},)),
    "ClipMaps": Golden(lambda: ClipMaps(FORMS["clip_b16"].narrowed(1 / 64).get_config(), ["a", "b", "c"], 2, 4),
                       (IMAGES,)),
    "AffinityNet": Golden(affinity_net, ({"image": IMAGES},)),
    "WindowAffinityNet": Golden(window_affinity_net, ({"image": IMAGES},)),
    "Segmenter": Golden(lambda: Segmenter(small(width=0.1), num_ids=3, width=4), ({"image": IMAGES},)),
    "SGD": Golden(lambda: optimizers.SGD(0.1, coupled_decay=0.2, multipliers={"fc8": 10}, decayed=("fc8",))),
    "StepDecay": Golden(lambda: schedules.StepDecay(0.1, (1, 3), 5)),
    "Adam": Golden(lambda: optimizers.Adam(0.1, coupled_decay=0.2, multipliers={"fc8": 10})),
    "PolyDecay": Golden(lambda: schedules.PolyDecay(0.1, 3, 5, every_step=True)),
}

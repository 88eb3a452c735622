"""Networks with losses: what one train stage fits.

Importing this makes every class known to Keras that a `model.keras` may hold: `keras.models.load_model` then loads it.
"""

from tfwsss.layers import (
    attention,
    attention_spread,
    batch_normalization,
    co_attention,
    cross_image_affinity,
    dense_crf,
    intra_class,
    pairwise_affinity,
    patches,
    path_affinity,
    pixel_correlation,
    random_walk,
    resize_like,
    scaled_unit,
    superpixel_pool,
    tap_conv,
)
from tfwsss.models import (
    affinity,
    affinity_features,
    byte_pairs,
    cian,
    classifier,
    clip,
    clip_maps,
    graph_network,
    icd,
    mcis,
    oaa,
    on_backbone,
    seam,
    segmenter,
    taps,
    window_affinity,
)

__all__ = [
    "affinity", "affinity_features", "attention", "attention_spread", "batch_normalization", "byte_pairs", "cian",
    "classifier", "clip", "clip_maps", "co_attention", "cross_image_affinity", "dense_crf", "graph_network", "icd",
    "intra_class", "mcis", "oaa", "on_backbone", "pairwise_affinity", "patches", "path_affinity", "pixel_correlation",
    "random_walk", "resize_like", "scaled_unit", "seam", "segmenter", "superpixel_pool", "tap_conv", "taps",
    "window_affinity",
]

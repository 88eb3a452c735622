"""Networks with losses: what one train stage fits.

Importing this makes every class known to Keras that a `model.keras` may hold: `keras.models.load_model` then loads it.
"""

from tfwsss.layers import (
    batch_normalization,
    co_attention,
    cross_image_affinity,
    dense_crf,
    intra_class,
    pairwise_affinity,
    path_affinity,
    pixel_correlation,
    random_walk,
    resize_like,
    superpixel_pool,
    tap_conv,
)
from tfwsss.models import (
    affinity,
    affinity_features,
    cian,
    classifier,
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
    "affinity", "affinity_features", "batch_normalization", "cian", "classifier", "co_attention",
    "cross_image_affinity", "dense_crf", "graph_network", "icd", "intra_class", "mcis", "oaa", "on_backbone",
    "pairwise_affinity", "path_affinity", "pixel_correlation", "random_walk", "resize_like", "seam", "segmenter",
    "superpixel_pool", "tap_conv", "taps", "window_affinity",
]

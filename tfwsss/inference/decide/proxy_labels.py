"""Merged class maps, and saliency where there is one, to proxy labels."""

from collections.abc import Mapping

from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.decide.threshold import enlarged
from tfwsss.inference.views import Picture
from tfwsss.ops.proxy_labels import Limits, proxy_labels, proxy_scores
from tfwsss.ops.resize_cubic import resize_cubic_part


def enlarged_bytes(maps, picture: Picture, classes, corners_aligned: bool = False):
    """Enlarges maps of bytes to the image, to bytes again.

    Args:
        maps: numbers from 0 to 255 `(row', column', class)`.
        picture: the image.
        classes: int32 `(kept class,)`, which of the maps.
        corners_aligned: by bilinear weights, corners on corners; else by the cubic rule of OpenCV, as published.

    Returns:
        float32 `(row, column, kept class)`, whole numbers 0 to 255.
    """
    if corners_aligned:
        return ops.round(enlarged(maps, picture, classes))
    planes = resize_cubic_part(ops.take(maps, classes, axis=-1)[None], picture.size, picture.covers)[0]
    return ops.clip(ops.round(planes), 0.0, 255.0)


def decide_by_proxy_labels(limits: Limits, threshold: float, maps: Mapping, picture: Picture, classes,
                           corners_aligned: bool = False) -> Decision:
    """Makes the labels of OAA and MCIS, of the picture's saliency where it has one.

    Without saliency the threshold stands for the background's score; the dense CRF
    that follows may then draw the borders (`background: saliency | threshold | crf`).

    Args:
        limits: where the rule draws its lines.
        threshold: score of the background without saliency, 0 to 1.
        maps: "cam" `(row', column', class)` of one image, bytes as `ops.map_merging` gives them.
        picture: the image.
        classes: int32 `(kept class,)`.
        corners_aligned: as in `enlarged_bytes`.

    Returns:
        Decision; a score is a class map stretched from 0 to 1, the background's what saliency leaves.

    Reference: Jiang et al., OAA, ICCV 2019; Sun et al., MCIS, ECCV 2020.
    """
    planes = enlarged_bytes(maps["cam"], picture, classes, corners_aligned)
    return Decision(proxy_scores(planes, picture.saliency, threshold)[0],
                    proxy_labels(planes, picture.saliency, threshold, limits))

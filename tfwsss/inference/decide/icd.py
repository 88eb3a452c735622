"""ICD's scores and class maps to seeds."""

from collections.abc import Mapping

from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.views import Picture
from tfwsss.ops.cam import largest_of
from tfwsss.ops.resize import resize_part
from tfwsss.ops.seeds import icd_seeds


def decide_by_icd(corners_aligned: bool, maps: Mapping, picture: Picture, classes) -> Decision:
    """Makes ICD's seeds, of the picture's saliency too where it has one.

    The published program resizes the network's grid, whose corners lie on the
    canvas' corners, by OpenCV's half-pixel rule; at stride 8 that moves borders by
    up to 4 pixels, at stride 16 by up to 8.

    Args:
        corners_aligned: resize corners on corners instead of as published.
        maps: raw "cam" and "scores" `(row', column', class)` of one image.
        picture: the image.
        classes: int32 `(kept class,)`.

    Returns:
        Decision; a score is how likely the discriminator finds object, the background's what the best leaves.

    Reference: Fan et al., ICD, CVPR 2020.
    """
    icd, cam = (resize_part(ops.take(maps[key], classes, axis=-1), picture.size, picture.covers, corners_aligned)
                for key in ("scores", "cam"))
    objects = ops.sigmoid(icd)
    return Decision(ops.concatenate([1 - largest_of(objects), objects], axis=-1),
                    icd_seeds(icd, cam, picture.saliency))

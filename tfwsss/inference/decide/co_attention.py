"""Class maps of an image by what it has in common with images of each class and with other views of itself (MCIS)."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from keras import ops

from tfwsss.inference.decide.decision import Decision
from tfwsss.inference.views import Picture
from tfwsss.models.mcis import VIEWS
from tfwsss.ops.map_merging import merge_maps
from tfwsss.ops.resize import resize
from tfwsss.ops.resize_cubic import resize_cubic


def own_view_maps(pairs: keras.Model, seen: Mapping, corners_aligned: bool = False) -> list:
    """Makes class maps of an image by the pairs with other views of itself, in the order in which they are merged.

    Args:
        pairs: of `models.mcis.pair_network`.
        seen: "features" `(row, column, channel)`, and those of the other views that there are.
        corners_aligned: bring maps of other sizes to the image's grid corners on corners, by bilinear weights; else
            by cubic weights between centres, as published.

    Returns:
        Raw class maps, float32 `(row, column, class)`: two of the mirrored view, one of each other; none without views.
    """
    seen = {key: ops.convert_to_tensor(maps) for key, maps in seen.items()}
    own, found = seen["features"][None], []
    size = ops.shape(own)[1:3]
    for view in VIEWS:
        if view not in seen:
            continue
        maps = pairs({"features": own, "reference": seen[view][None]}, training=False)
        if view == VIEWS[0]:
            found += [maps["cam"][0], ops.flip(maps["reference_cam"][0], axis=1)]
        else:
            enlarged = resize(maps["reference_cam"], *size, align_corners=True) if corners_aligned else \
                resize_cubic(maps["reference_cam"], *size)
            found.append(enlarged[0])
    return found


def reference_maps(pairs: keras.Model, seen: Mapping, references, classes):
    """Makes class maps of an image by the pairs with reference images of each class, one class at a time.

    Args:
        pairs: of `models.mcis.pair_network`.
        seen: "features" `(row, column, channel)`.
        references: float `(kept class, reference, row', column', channel)`, features of images that show the class.
        classes: int32 `(kept class,)`.

    Returns:
        Raw class maps, float32 `(kept class, reference, row, column)`.
    """
    own, references = tf.convert_to_tensor(seen["features"])[None], tf.convert_to_tensor(references)
    rows, columns = tf.shape(own)[1], tf.shape(own)[2]

    def of_class(item):
        others, label = item
        maps = pairs({"features": own, "reference": tf.cast(others, tf.float32)}, training=False)
        return tf.gather(maps["cam"], label, axis=-1)

    def of_classes():
        return tf.map_fn(of_class, (references, classes), parallel_iterations=1,
                         fn_output_signature=tf.TensorSpec((None, None, None)))

    nothing = tf.zeros((0, tf.shape(references)[1], rows, columns))      # a loop of no turns knows no shape
    return tf.cond(tf.size(classes) > 0, of_classes, lambda: nothing)


def merged_maps(pairs: keras.Model, seen: Mapping, references, classes, corners_aligned: bool = False):
    """Merges the class maps of an image by its other views and by references of each class.

        output = merge(views' maps, mean over the references of each class),   see `ops.map_merging`

    Cost: a pair each view, and one each class and reference; see `models.mcis.pair_network`.

    Args:
        pairs: of `models.mcis.pair_network`.
        seen: "features" `(row, column, channel)`, and those of the other views that there are.
        references: as in `reference_maps`, or None without.
        classes: int32 `(kept class,)`.
        corners_aligned: as in `own_view_maps`.

    Returns:
        uint8 `(row, column, kept class)`.

    Reference: Sun et al., MCIS, ECCV 2020 (released code).
    """
    listed = [tf.gather(maps, classes, axis=-1) for maps in own_view_maps(pairs, seen, corners_aligned)]
    if references is not None:
        mean = tf.reduce_mean(reference_maps(pairs, seen, references, classes), axis=1)
        listed.append(tf.transpose(mean, (1, 2, 0)))
    return merge_maps(listed)


def decide_by_co_attention(pairs: keras.Model, references: keras.Model | None, corners_aligned: bool, rule: Callable,
                           maps: Mapping, picture: Picture, classes) -> Decision:
    """Merges the class maps of an image by co-attention, and lets a rule of merged maps decide.

    Args:
        pairs: of `models.mcis.pair_network`.
        references: int32 `(kept class,)` to features `(kept class, reference, row', column', channel)` of kept images
            of each class; None for none.
        corners_aligned: as in `own_view_maps`.
        rule: of maps in bytes, such as `decide_by_proxy_labels`.
        maps: "features" `(row', column', channel)` of the image, and perhaps those of its other views.
        picture: the image.
        classes: int32 `(kept class,)`.

    Returns:
        The rule's Decision.

    Reference: Sun et al., MCIS, ECCV 2020.
    """
    kept = None if references is None else references(classes, training=False)
    merged = merged_maps(pairs, maps, kept, classes, corners_aligned)
    return rule({"cam": tf.cast(merged, tf.float32)}, picture, tf.range(tf.size(classes)))

"""From places among the classes of an image to the ids of a mask."""

from keras import ops


def ids_of(classes):
    """Returns the mask ids of the background and of an image's classes, in the order of its planes.

    Args:
        classes: integers `(class,)`, labels, from 0; there may be none.

    Returns:
        Integers `(1 + class,)`: 0, then each label + 1.

    Example:

    >>> ids_of(ops.array([1, 4])).numpy().tolist()
    [0, 2, 5]
    """
    return ops.concatenate([ops.zeros((1,), ops.dtype(classes)), classes + 1], axis=0)


def mask_ids(places, classes, undecided: int = 255):
    """Turns places among an image's classes into mask ids.

    Args:
        places: int32, any shape: 0 background, 1 for the first class and so on, or `undecided`.
        classes: int32 `(class,)`, labels, from 0; there may be none.
        undecided: int. Value that stays.

    Returns:
        int32 of the same shape: 0 background, label + 1, or `undecided`.

    Example:

    >>> mask_ids(ops.array([0, 2, 255]), ops.array([1, 4])).numpy().tolist()
    [0, 5, 255]
    """
    known = places != undecided
    return ops.where(known, ops.take(ids_of(classes), ops.where(known, places, 0), axis=0), undecided)

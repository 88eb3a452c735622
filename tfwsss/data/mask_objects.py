"""Masks that show no object although tags say that one is there: most often a class that was saved as 255."""

from collections.abc import Collection, Mapping

from tfwsss.errors import UserError
from tfwsss.palette import IGNORE

SAVED_AS_IGNORE = (f"{IGNORE} means ignore: save a class as its number in the order of the class names, the first as 1 "
                   f"(mask // {IGNORE} turns {IGNORE} into 1)")
"""The cure for masks in which a class was saved as 255."""


def check_objects(where: str, ids: Mapping[str, Collection[int]], labels: Mapping[str, Collection[int]],
                  learnt: bool = False) -> str | None:
    """Refuses masks none of which holds a class, although tags say so.

    Args:
        where: folder or setting that gave the masks, for messages.
        ids: of each mask by the name of its image, the ids that occur.
        labels: of each image, what it shows.
        learnt: whether a network learns from them.

    Returns:
        A warning where some of the images that show a class have a mask of 0 and 255 only, or all have one of
        background alone; else None.

    Raises:
        UserError: all masks of images that show something hold 0 and 255 only; where a network learns, also 0 only.

    Example:
    >>> check_objects("masks", {"a": {0, 1}, "b": {0, 255}}, {"a": (0,), "b": (0,)})[:60]
    'masks: 1 of 2 masks hold the ids 0 and 255 only, though thei'
    """
    tagged = {name: set(found) for name, found in ids.items() if labels[name]}
    bare = [name for name, found in tagged.items() if found <= {0, IGNORE}]
    ignored = [name for name in bare if IGNORE in tagged[name]]
    if tagged and len(bare) == len(tagged):
        alone = f"{where}: of {len(tagged)} masks of images that show a class, all"
        if ignored:
            raise UserError(f"{alone} hold the ids 0 and {IGNORE} only; {SAVED_AS_IGNORE}")
        alone += " are background alone (id 0); save each class as its number in the order of the class names"
        if learnt:
            raise UserError(alone)
        return alone
    if ignored:
        return (f"{where}: {len(ignored)} of {len(tagged)} masks hold the ids 0 and {IGNORE} only, though their images "
                f"show a class, the first that of {ignored[0]!r}; {SAVED_AS_IGNORE}")
    return None

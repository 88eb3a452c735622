"""What work on each image costs, as far as its header tells."""

import contextlib
from collections.abc import Sequence

from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.stream import in_threads

_UNKNOWN = 1.0          # of an image that cannot be read: it is left at once


def pixels_of(images: ImageSet, names: Sequence[str]) -> dict[str, float]:
    """Returns how many pixels images have, from their headers.

    Args:
        images: the data set.
        names: of images.

    Returns:
        Name to its pixels, at least 1.
    """
    def pixels(name: str) -> float:
        with contextlib.suppress(ImageFault):
            rows, columns = images.read_size(name)
            return float(rows * columns)
        return _UNKNOWN

    return dict(zip(names, in_threads(pixels, names), strict=True))

"""What a network says of whole images: its maps, averaged over scales and mirror images."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference import canvas, windows
from tfwsss.inference.own_size import see_at_own_size
from tfwsss.inference.resized import see_resized
from tfwsss.inference.stream import batches_by_size
from tfwsss.inference.views import Canvas, OwnSize, Resized, View, WholeCells, Windows
from tfwsss.inference.whole_cells import see_whole_cells

_PIXELS = 600 * 600
"""Of images at their own size: about so many at a time."""


def stride_of(network: keras.Model) -> int:
    """Returns the number of pixels between positions of a network's maps.

    Args:
        network: image `(batch, row, column, 3)` to a dictionary of maps.
    """
    rows = next(iter(network.compute_output_shape((1, 257, 257, 3)).values()))[1]
    return 256 // (rows - 1)


def see(network: Callable, stride: int, view: View, images, num_ids: int) -> Mapping:
    """Shows images of one size to a network.

    Args:
        network: float32 `(batch, row, column, 3)`, 0-255, to a dictionary of maps `(batch, row', column', channel)`;
            under `Windows` to "logits" of all ids.
        stride: pixels between positions of the maps.
        view: on a canvas, at their own size, at one size each, or in windows.
        images: uint8 `(batch, row, column, 3)`.
        num_ids: classes with background, channels of the logits under `Windows`; not read under others.

    Returns:
        Maps `(batch, row', column', channel)` by the network's keys, under `Windows` "probabilities" of all ids; they
        cover `covered` of each image.
    """
    if isinstance(view, Canvas):
        base = canvas.canvas_side(stride, view)
        return canvas.see_on_canvases(network, stride, view,
                                      lambda side: canvas.on_canvas(images, side, base, view.colour))
    if isinstance(view, OwnSize):
        return see_at_own_size(network, view, images)
    if isinstance(view, Resized):
        return see_resized(network, view, images)
    if isinstance(view, WholeCells):
        return see_whole_cells(network, view, images)
    return windows.see_in_windows(network, num_ids, stride, view, images)


def covered(stride: int, view: View, size):
    """Returns rows and columns that maps cover of an image, in its own pixels; the image is the upper left.

    Args:
        stride: pixels between positions of the maps.
        view: how they were made.
        size: rows and columns of the image.
    """
    if isinstance(view, Canvas):
        return canvas.covered(size, canvas.canvas_side(stride, view))
    whole = isinstance(view, OwnSize | Resized | WholeCells)
    return (size[0], size[1]) if whole else windows.covered(size, stride)


def check_covers(covers: Mapping[str, Sequence[int]]) -> None:
    """Refuses maps that cover different parts of an image: a rule has one picture for all of its maps.

    Args:
        covers: key of the maps to rows and columns that they cover.

    Raises:
        UserError: they differ.

    Example:

    >>> check_covers({"cam": (33, 33), "scores": (33, 33)})
    """
    first = next(iter(covers))
    for key, found in covers.items():
        if tuple(found) != tuple(covers[first]):
            raise UserError(f"maps of {first} cover {covers[first]} pixels of an image, those of {key} {found}; "
                            f"see images on the same canvas: set {first}.canvas and {key}.canvas alike")


def images_at_a_time(view: View, size: Sequence[int]) -> int:
    """Returns how many images of a size are shown at once, so that memory stays bounded.

    Args:
        view: how.
        size: rows and columns of the images.

    Example:

    >>> images_at_a_time(Canvas(65, batch_size=8), (3000, 4000)), images_at_a_time(Windows(513), (600, 1000))
    (8, 1)
    """
    if isinstance(view, Canvas | Resized):
        return view.batch_size
    most = view.batch_size * view.side**2 if isinstance(view, Windows) else _PIXELS
    return max(1, min(getattr(view, "batch_size", 4), most // (size[0] * size[1])))


class Seer:
    """A network that is shown whole images, compiled once for all sizes.

    Args:
        network: image to a dictionary of maps, see `see`.
        view: how it is shown images.

    Attributes:
        stride: pixels between positions of the maps.
    """

    def __init__(self, network: keras.Model, view: View):
        self.network, self.view, self.stride = network, view, stride_of(network)
        num_ids = next(iter(network.output.values())).shape[-1]
        self._see = tf.function(
            lambda images: see(lambda x: network(x, training=False), self.stride, view, images, num_ids),
            autograph=False, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])

    def __call__(self, images: np.ndarray) -> Mapping:
        """Returns the maps of images of one size.

        Args:
            images: uint8 `(batch, row, column, 3)`.
        """
        return self._see(images)

    def covered(self, size: Sequence[int]) -> tuple[int, int]:
        """Returns rows and columns that maps cover of an image of a size."""
        rows, columns = covered(self.stride, self.view, size)
        return int(rows), int(columns)

    def scores(self, images: ImageSet, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Scores] | ImageFault]]:
        """Computes the maps of the labelled classes of images.

        Args:
            images: the data set.
            names: what to compute.

        Yields:
            Name, and maps by the network's keys or a fault; images of one size come together.
        """
        for part, found in batches_by_size(images, names, lambda size: images_at_a_time(self.view, size)):
            if isinstance(found, ImageFault):
                yield part[0], found
                continue
            maps, size = {key: each.numpy() for key, each in self(found).items()}, found.shape[1:3]
            for place, name in enumerate(part):
                classes = np.array(images.labels[name], np.int32)
                yield name, {key: Scores(classes, np.moveaxis(each[place][..., classes], -1, 0), size,
                                         self.covered(size)) for key, each in maps.items()}

"""How a network is shown whole images, and what an image is to the rules that decide on its maps."""

from typing import Any, NamedTuple

from tfwsss.backbones.facts import GREY
from tfwsss.batches.frames import OPENCV, Frame


class Canvas(NamedTuple):
    """Images lie at the upper left of a square canvas; larger ones are reduced to fit.

    Args:
        side: of the canvas in pixels.
        scales: factors at which the network sees each image; its maps are averaged.
        mirror: also see each image mirrored.
        colour: red, green, blue of the rest of the canvas, 0-255.
        batch_size: canvases at a time.
    """

    side: int
    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False
    colour: tuple[float, float, float] = (GREY, GREY, GREY)
    batch_size: int = 4


class OwnSize(NamedTuple):
    """Images are seen at their own sizes, and their maps are enlarged to those: the way of AffinityNet's program.

    Args:
        scales: factors at which the network sees each image; its maps are averaged.
        mirror: also see each image mirrored.
        corners: maps are first enlarged, corners on corners, to the scaled image, as SEAM's network does.
    """

    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False
    corners: bool = False


class Resized(NamedTuple):
    """Whole images are brought to one size each, with nothing round them: see `batches.frames.Frame`.

    Args:
        length: of the shorter side in pixels; of both where images become squares.
        square: whether they do.
        stride: sides become a whole number of strides and one pixel; None: sides as they come.
        rule: of resizing, "opencv", or Pillow's "cubic" or "bilinear".
        scales: factors of `length` at which the network sees each image; its maps are averaged.
        mirror: also see each image mirrored.
        batch_size: images at a time.
        features: whether the maps are features that a rule compares: seen once, and kept as they are.
    """

    length: int
    square: bool = False
    stride: int | None = None
    rule: str = OPENCV
    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False
    batch_size: int = 4
    features: bool = False

    def frame(self, scale: float) -> Frame:
        """Returns the size to which images are brought.

        Args:
            scale: one of `scales`.
        """
        return Frame(max(1, round(self.length * scale)), self.square, self.stride, self.rule)


class Windows(NamedTuple):
    """Images keep their size; large ones are seen in overlapping windows. The maps are logits of all ids.

    Args:
        side: of the largest window in pixels.
        scales: factors at which the network sees each image.
        mirror: also see each image mirrored.
        colour: red, green, blue round images that do not fill the grid, 0-255.
        average: what is averaged over scales and mirror images: `probabilities`, `logits`, or `logits_and_maximum`,
            where the largest logits over all scales count as one scale more.
        batch_size: windows at a time.
    """

    side: int
    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False
    colour: tuple[float, float, float] = (GREY, GREY, GREY)
    average: str = "probabilities"
    batch_size: int = 4


class WholeCells(NamedTuple):
    """Images are enlarged to a whole number of cells a side by Pillow's cubic rule, as CLIP-ES sees them.

    The maps are what a rule reads of a transformer, kept as they are; they cover the whole images.

    Args:
        cell: side in pixels.
    """

    cell: int


def squares(side: int, scales: tuple[float, ...] = (1.0,), mirror: bool = False, batch_size: int = 4,
            features: bool = False) -> Resized:
    """Returns the view of MCIS' program: images are stretched to squares by Pillow's bilinear rule.

    Args:
        side: of the square in pixels.
        scales: as in `Resized`.
        mirror: as in `Resized`.
        batch_size: squares at a time.
        features: as in `Resized`.

    Example:

    >>> squares(256).frame(0.5).length
    128
    """
    return Resized(side, True, None, "bilinear", scales, mirror, batch_size, features)


View = Canvas | OwnSize | Resized | WholeCells | Windows


class Picture(NamedTuple):
    """One image beside its maps.

    Args:
        size: rows and columns of the image.
        covers: rows and columns that the maps cover, in the image's pixels; the image is the upper left of that.
        image: uint8 `(row, column, 3)`, or None where a rule does not look at it.
        saliency: bytes `(row, column)`, 255 = salient, or None.
    """

    size: Any
    covers: Any
    image: Any = None
    saliency: Any = None

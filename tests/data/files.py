"""Image files of unusual kinds, with the pixels that viewers show."""

import functools
import io

import numpy as np
from PIL import Image

ROWS, COLUMNS = 6, 9


@functools.cache
def odd_images() -> dict[str, tuple[str, bytes, np.ndarray]]:
    """Returns kind -> (ending of the file, contents, uint8 (row, column, 3))."""
    random = np.random.default_rng(3)
    colour = random.integers(0, 256, (ROWS, COLUMNS, 3)).astype(np.uint8)
    grey = random.integers(0, 256, (ROWS, COLUMNS)).astype(np.uint8)
    wide = random.integers(0, 65536, (ROWS, COLUMNS)).astype(np.uint16)
    alpha = random.integers(0, 256, (ROWS, COLUMNS, 1)).astype(np.uint8)
    three = np.repeat(grey[..., None], 3, axis=-1)
    on_white = np.round(colour * (alpha / 255.0) + 255 * (1 - alpha / 255.0)).astype(np.uint8)
    few = (colour // 128 * 255).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(colour).resize((1, 1)).resize((COLUMNS, ROWS)))
    animation = encoded(Image.fromarray(few), "GIF", save_all=True, append_images=[Image.fromarray(255 - few)])
    turned = {f"exif {value}": (".png", _turned(colour, value), _as_shown(colour, value)) for value in range(1, 9)}
    return {
        "grey": (".png", encoded(Image.fromarray(grey), "PNG"), three),
        "grey and alpha": (".png", encoded(Image.fromarray(np.dstack([grey, np.full_like(grey, 255)])), "PNG"), three),
        "cmyk": (".jpg", encoded(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=100), smooth),
        "16 bits": (".png", encoded(Image.fromarray(wide), "PNG"),
                    np.repeat((wide >> 8).astype(np.uint8)[..., None], 3, axis=-1)),
        "16 bits tiff": (".tif", encoded(Image.fromarray(wide), "TIFF"),
                         np.repeat((wide >> 8).astype(np.uint8)[..., None], 3, axis=-1)),
        "floats": (".tif", encoded(Image.fromarray(grey.astype(np.float32)), "TIFF"), three),
        "alpha": (".png", encoded(Image.fromarray(np.dstack([colour, alpha])), "PNG"), on_white),
        "palette": (".png", encoded(Image.fromarray(few).quantize(8), "PNG"), few),
        "palette with a transparent colour": (".png", *_transparent_palette()),
        "a transparent colour": (".png", encoded(Image.fromarray(few), transparency=(255, 0, 0)),
                                 np.where((few == (255, 0, 0)).all(-1, keepdims=True), 255, few).astype(np.uint8)),
        "bits": (".png", encoded(Image.fromarray(grey > 99), "PNG"), np.where(three > 99, 255, 0).astype(np.uint8)),
        "animated": (".gif", animation, few),
        "bmp": (".bmp", encoded(Image.fromarray(colour), "BMP"), colour),
        "webp": (".webp", encoded(Image.fromarray(colour), "WEBP", lossless=True), colour),
        "tiff": (".TIF", encoded(Image.fromarray(colour), "TIFF"), colour),
        "png named jpg": (".jpg", encoded(Image.fromarray(colour), "PNG"), colour),
        "1x1": (".png", encoded(Image.fromarray(colour[:1, :1]), "PNG"), colour[:1, :1]),
        "one row": (".png", encoded(Image.fromarray(colour[:1]), "PNG"), colour[:1]),
        **turned}


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    """Returns the file that Pillow makes of an image."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def _transparent_palette() -> tuple[bytes, np.ndarray]:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8))
    image.putpalette(bytes([10, 20, 30, 200, 100, 50]))
    shown = np.array([[[255] * 3, [200, 100, 50]], [[200, 100, 50], [255] * 3]], np.uint8)
    return encoded(image, "PNG", transparency=0), shown


def _turned(pixels: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(Image.fromarray(pixels), "PNG", exif=exif)


def _as_shown(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Applies the definition of the tag: where the stored first row and first column are shown."""
    upright = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1],
               5: pixels.swapaxes(0, 1), 6: pixels.swapaxes(0, 1)[:, ::-1],
               7: pixels[::-1, ::-1].swapaxes(0, 1), 8: pixels.swapaxes(0, 1)[::-1]}
    return upright[orientation]

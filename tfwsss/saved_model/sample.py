"""A picture to try models with, where no photograph is at hand."""

import numpy as np
import tensorflow as tf


def sample_image(rows: int, columns: int) -> bytes:
    """Draws a picture with the areas, edges and noise of a photograph.

    Args:
        rows: of the picture.
        columns: of the picture.

    Returns:
        JPEG, the same for the same size.

    Example:
    >>> tf.io.decode_jpeg(sample_image(30, 40)).shape.as_list()
    [30, 40, 3]
    """
    random = np.random.default_rng(rows * columns)
    areas = tf.image.resize(random.uniform(0, 200, (9, 12, 3)), (rows, columns), method="bicubic").numpy()
    patches = random.uniform(0, 60, (5, 7, 1))[np.arange(rows)[:, None] * 5 // rows, np.arange(columns) * 7 // columns]
    pixels = np.clip(areas + patches + random.normal(0, 6, (rows, columns, 3)), 0, 255)
    return tf.io.encode_jpeg(pixels.astype(np.uint8), quality=92).numpy()

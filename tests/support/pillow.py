"""Pillow's own resizing, by the order of axes of the published programs."""

import numpy as np
from PIL import Image

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "cubic": Image.Resampling.BICUBIC}


def pillow(image, size, kernel: str = "bilinear"):
    """Columns first: releases from 13 on choose which axis comes first, those of the published programs do not."""
    for step in ((size[1], image.shape[0]), size[::-1]):
        image = np.array(Image.fromarray(image).resize(step, FILTERS[kernel]))
    return image

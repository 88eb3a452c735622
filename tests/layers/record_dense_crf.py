"""Writes tests/recorded/pydensecrf.npz; run by hand, in an environment with the extra `crf`.

    python -m tests.layers.record_dense_crf

Recorded with pydensecrf2 1.1. `pydensecrf.npz`, for each case: `image` uint8, `energy` uint8 (blocks of pixels, in
quarters), `parameters` (those of `DenseCRF`, in order) and `marginals` uint16, in steps of 1 / 65535.
`pydensecrf_photographs.npz`: `energy` and the arg-max `labels` uint8 of scikit-image's own photographs.
"""

from pathlib import Path

import numpy as np
import skimage.data
from pydensecrf.densecrf import DenseCRF2D

RECORDED = Path(__file__).resolve().parents[1] / "recorded"
BLOCK = 8
USUAL = (10, 3, 3, 80, 13, 10)
CASES = {                   # rows, columns, classes, whether the image is noise, parameters
    "three": (40, 60, 3, False, USUAL),
    "many": (40, 60, 21, False, USUAL),
    "noise": (24, 31, 5, True, (2, 3, 3, 80, 13, 10)),      # few iterations: in noise each grows rounding errors
    "narrow": (19, 34, 4, False, (3, 1.5, 2, 20, 4, 5)),
    "one_row": (1, 50, 3, False, USUAL),
    "gaussian": (19, 34, 4, False, (5, 2, 6, 80, 13, 0)),
    "bilateral": (19, 34, 4, False, (5, 3, 0, 50, 5, 4)),
}


def unary_of(energy, rows, columns, block=BLOCK):
    """-log probability `(row, column, class)` from energies of blocks."""
    return np.kron(energy, np.ones((block, block, 1), np.float32))[:rows, :columns] / np.float32(4)


def draw(rows, columns, rng):
    """A photograph's like: shaded discs with soft edges before a shaded ground, grain over all."""
    row, column = np.mgrid[:rows, :columns]
    image = 60 + 50 * np.sin(np.stack([row / 17, column / 23, (row + column) / 31], axis=-1) + (0, 1, 2))
    for _ in range(5):
        centre, radius = rng.uniform(0, (rows, columns)), rng.uniform(4, 13)
        distance = np.hypot(row - centre[0], column - centre[1])
        cover = 1 / (1 + np.exp((distance - radius) / 0.6))[..., None]
        image = cover * (rng.uniform(30, 220, 3) + 2 * distance[..., None]) + (1 - cover) * image
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def marginals(image, unary, iterations, gaussian_deviation, gaussian_weight, position_deviation, colour_deviation,
              bilateral_weight):
    """What pydensecrf gives, `(row, column, class)`."""
    rows, columns, classes = unary.shape
    crf = DenseCRF2D(columns, rows, classes)
    crf.setUnaryEnergy(np.ascontiguousarray(unary.reshape(-1, classes).T))
    if gaussian_weight:
        crf.addPairwiseGaussian(sxy=gaussian_deviation, compat=gaussian_weight)
    if bilateral_weight:
        crf.addPairwiseBilateral(sxy=position_deviation, srgb=colour_deviation, compat=bilateral_weight, rgbim=image)
    return np.array(crf.inference(int(iterations))).T.reshape(unary.shape)


def record_small():
    arrays = {}
    for seed, (name, (rows, columns, classes, noise, parameters)) in enumerate(CASES.items()):
        rng = np.random.default_rng(seed)
        image = rng.integers(0, 256, (rows, columns, 3), np.uint8) if noise else draw(rows, columns, rng)
        energy = rng.integers(0, 16, (-(-rows // BLOCK), -(-columns // BLOCK), classes), np.uint8)
        found = np.rint(marginals(image, unary_of(energy, rows, columns), *parameters) * 65535).astype(np.uint16)
        arrays |= {f"{name}_image": image, f"{name}_energy": energy, f"{name}_marginals": found,
                   f"{name}_parameters": np.array(parameters, np.float64)}
    np.savez_compressed(RECORDED / "pydensecrf.npz", **arrays)


def record_photographs():
    arrays = {}
    for seed, (name, classes) in enumerate((("astronaut", 3), ("astronaut", 21), ("coffee", 3), ("coffee", 21))):
        image = np.ascontiguousarray(getattr(skimage.data, name)()[:321, :481])
        energy = np.random.default_rng(seed).integers(0, 16, (9, 13, classes), np.uint8)
        labels = marginals(image, unary_of(energy, 321, 481, block=40), *USUAL).argmax(axis=-1).astype(np.uint8)
        arrays |= {f"{name}_{classes}_energy": energy, f"{name}_{classes}_labels": labels}
    np.savez_compressed(RECORDED / "pydensecrf_photographs.npz", **arrays)


if __name__ == "__main__":
    record_small()
    record_photographs()

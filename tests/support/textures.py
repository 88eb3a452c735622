"""Draws surfaces, half of them with a defect: photographs of one class, and such as show nothing."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tfwsss.palette import voc_palette

DEFECT = "defect"
"""The only class."""


def draw_textures(root: Path, count: int, side: int = 64, without: float = 0.5, seed: int = 0,
                  columns: int | None = None) -> Path:
    """Draws images/, masks/, labels.csv and classes.txt.

    Args:
        root: folder, made where it is missing.
        count: number of images.
        side: rows in pixels. columns: the same; None: as many.
        without: share of the images that show no defect; their cells in labels.csv are empty.
        seed: of what is drawn.

    Returns:
        The folder.
    """
    rng, rows = np.random.default_rng(seed), ["name,classes"]
    shown = np.arange(count) >= round(without * count)
    rng.shuffle(shown)
    for number, defect in enumerate(shown):
        image = _surface(rng, side, columns or side)
        mask = _scratch(rng, image) if defect else np.zeros(image.shape[:2], np.uint8)
        name = f"part {number:04d}"
        for folder in ("images", "masks"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(root / "images" / f"{name}.jpg", quality=92)
        painted = Image.fromarray(mask)
        painted.putpalette(voc_palette().tobytes())
        painted.save(root / "masks" / f"{name}.png")
        rows.append(f"{name},{DEFECT if defect else ''}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "classes.txt").write_text(f"background\n{DEFECT}\n", encoding="utf-8")
    return root


def _surface(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Returns a brushed or woven surface, float32 (row, column, 3)."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    grain = cv2.GaussianBlur(rng.standard_normal((rows, columns)).astype(np.float32), (0, 0), sigmaX=6, sigmaY=0.7)
    period, turn = rng.uniform(5, 9), rng.uniform(-0.2, 0.2)
    weave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / period) * np.sin(y * 2 * np.pi / period)
    light = rng.uniform(90, 160) + 40 * grain / max(float(grain.std()), 1e-6) * 0.35 + 9 * weave + 0.06 * (x - y)
    return light[..., None] * np.array([1.0, rng.uniform(0.92, 1.0), rng.uniform(0.84, 1.0)], np.float32)


def _scratch(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Paints one to three dents into a surface; returns where they are, uint8 (row, column)."""
    rows, columns = image.shape[:2]
    mask = np.zeros((rows, columns), np.uint8)
    least = min(rows, columns)
    for _ in range(int(rng.integers(1, 4))):
        centre = (rng.uniform(0.2, 0.8, 2) * (columns, rows)).astype(int)
        axes = (max(2, int(least * rng.uniform(0.08, 0.2))), max(2, int(least * rng.uniform(0.04, 0.08))))
        cv2.ellipse(mask, [int(value) for value in centre], axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    shade = np.where(mask, rng.choice([0.45, 1.6]), 1.0).astype(np.float32)
    image *= cv2.GaussianBlur(shade, (0, 0), max(0.6, least / 200))[..., None]
    return mask

"""Draws a data set of twelve 64x64 pictures in the layout of PASCAL VOC, for tests that run whole methods."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfwsss.data.voc import VOC_CLASSES
from tfwsss.palette import IGNORE, voc_palette

SIDE = 64
CLASSES = ("cat", "dog", "sheep")
_COLOURS = {"cat": (220, 120, 60), "dog": (90, 110, 220), "sheep": (230, 225, 215)}
_MARKS = {"cat": (30, 20, 20), "dog": (250, 240, 60), "sheep": (40, 160, 60)}


def draw_tiny_voc(root: Path) -> Path:
    """Draws images, XML files, masks and the lists train (8 names), val (4) and trainval (12); returns the folder.

    Every image shows one of three classes, every fourth a second one beside it.
    """
    root = Path(root)
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    names = [f"2026_{number:06d}" for number in range(12)]
    for number, name in enumerate(names):
        shown = [CLASSES[number % 3]] + ([CLASSES[(number + 1) % 3]] if number % 4 == 3 else [])
        image, mask, boxes = _draw(np.random.RandomState(number), shown)
        Image.fromarray(image).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
        indexed = Image.fromarray(mask)
        indexed.putpalette(voc_palette().tobytes())
        indexed.save(root / "SegmentationClass" / f"{name}.png")
        (root / "Annotations" / f"{name}.xml").write_text(annotation(name, boxes), "utf-8")
    for place in ("Segmentation", "Main"):
        for split, part in (("train", names[:8]), ("val", names[8:]), ("trainval", names)):
            (root / "ImageSets" / place / f"{split}.txt").write_text("".join(f"{name}\n" for name in part), "utf-8")
    return root


def annotation(name: str, boxes: list[tuple], difficult: tuple[int, ...] = ()) -> str:
    """Returns the XML of an image; `boxes` are (class, x0, y0, x1, y1), `difficult` numbers some of them."""
    objects = "".join(
        f"<object><name>{kind}</name><difficult>{int(place in difficult)}</difficult><bndbox><xmin>{x0}</xmin>"
        f"<ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox><part><name>head</name></part></object>"
        for place, (kind, x0, y0, x1, y1) in enumerate(boxes))
    return (f"<annotation><filename>{name}.jpg</filename><size><width>{SIDE}</width><height>{SIDE}</height>"
            f"<depth>3</depth></size>{objects}</annotation>")


def _draw(random: np.random.RandomState, shown: list[str]) -> tuple[np.ndarray, np.ndarray, list[tuple]]:
    image = np.full((SIDE, SIDE, 3), (70, 80, 70), np.float64)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    boxes = []
    for place, kind in enumerate(shown):
        width = SIDE // len(shown)
        cx, cy = width * place + width // 2 + random.randint(-2, 3), SIDE // 2 + random.randint(-6, 7)
        rx, ry = int(width * 0.36), random.randint(16, 22)
        body = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2
        image[body <= 1] = _COLOURS[kind]
        image[(np.abs(x - cx) < 4) & (np.abs(y - cy) < 4)] = _MARKS[kind]
        mask[(body > 0.85) & (body <= 1.2)] = IGNORE
        mask[body <= 0.85] = VOC_CLASSES.index(kind)
        boxes.append((kind, cx - rx + 1, cy - ry + 1, cx + rx + 1, cy + ry + 1))
    return np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8), mask, boxes

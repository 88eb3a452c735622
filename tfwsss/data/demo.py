"""Draws the built-in data set: creatures told apart by a small head, with large plain bodies, before clutter."""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tfwsss.artefacts.files import write_atomically
from tfwsss.artefacts.masks import write_mask
from tfwsss.data.demo_labels import LabelDrawing
from tfwsss.data.folder import read_folder
from tfwsss.data.image_set import BACKGROUND, ImageSet
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.errors import UserError
from tfwsss.palette import IGNORE, voc_palette

CLASSES = (BACKGROUND, "ringhead", "checkhead", "barhead", "spothead")
"""Classes of the built-in data set."""

VERSION = 2
"""Counts changes of what is drawn, so that a folder drawn by an older one is not taken for it. The second has weak
labels beside the pictures of the first."""

_HEADS = (((250, 220, 40), (18, 18, 18)), ((245, 245, 245), (30, 30, 200)),
          ((225, 40, 40), (250, 250, 250)), ((40, 230, 220), (90, 10, 90)))
_GROUNDS = ((70, 84, 52), (104, 92, 72), (54, 72, 88), (88, 70, 66), (76, 76, 78))   # grass, sand, water, bricks, bark
_FINE = 2       # objects are drawn this much larger and averaged down, for smooth outlines


def demo_images(cache: Path, split: str | None = None, num_images: int = 400, seed: int = 0,
                files: LabelFiles = LabelFiles()) -> ImageSet:  # noqa: B008
    """Returns the built-in data set, drawing it first where it is not there yet.

    It is drawn aside and renamed, so that a folder of that name is complete.

    Args:
        cache: folder that holds the drawn data sets.
        split: "train" (four fifths), "val", or None for both.
        num_images: images of both splits together.
        seed: another number gives other pictures.
        files: weak labels to read beside the tags: boxes.json, points.json, scribbles.json, or masks as full masks.

    Returns:
        ImageSet with masks.
    """
    root = Path(cache) / f"demo-{VERSION}-{num_images}-{seed}"
    if not root.is_dir():
        aside = root.with_name(f".{secrets.token_hex(8)}.part")
        try:
            draw_demo(aside, num_images, seed)
            os.rename(aside, root)
        except OSError as error:
            if not root.is_dir():        # otherwise another process was quicker, and has drawn the same
                raise UserError(f"{root}: cannot be made ({error.strerror}); name a writable folder") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return read_folder(root, split, files)


def draw_demo(root: Path, num_images: int = 400, seed: int = 0) -> ImageSet:
    """Draws the built-in data set into a folder: images, masks, labels.csv, classes.txt, splits and weak labels.

    Each creature has a small head whose pattern and colours tell its class, and
    a body six times as large that is bright and plain and of a colour that only
    leans towards its class. Grounds are muted, shared by all classes and strewn
    with stones and muted patterns. So a class map finds the head, and a method
    has to find the body. A quarter of the images shows two classes. boxes.json,
    points.json and scribbles.json hold the weak labels of all images; they are
    read where `data.boxes` and its like name them.

    Args:
        root: folder, made if missing; files of the same names are replaced.
        num_images: number of images; every fifth is in the split "val".
        seed: the same seed gives the same pictures.

    Returns:
        ImageSet of all images, with masks.
    """
    if num_images < 5:
        raise UserError(f"{root}: {num_images} images; the built-in data set has at least 5")
    root = Path(root)
    rows = ["name,classes"]
    splits: dict[str, list[str]] = {"train": [], "val": []}
    weak = LabelDrawing(seed, CLASSES)
    for number in range(num_images):
        name = f"scene_{number:04d}"
        image, mask, shown, objects, kinds = _scene(number, seed)
        buffer = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 94])[1]
        write_atomically(root / "images" / f"{name}.jpg", buffer.tobytes())
        write_mask(root / "masks", name, mask, voc_palette())
        rows.append(f"{name},{' '.join(CLASSES[kind + 1] for kind in shown)}")
        weak.add(name, number, objects, [kind + 1 for kind in kinds])
        splits["val" if number % 5 == 4 else "train"].append(name)
    for place, lines in (("labels.csv", rows), ("classes.txt", CLASSES), *((f"splits/{key}.txt", names)
                                                                         for key, names in splits.items())):
        write_atomically(root / place, ("\n".join(lines) + "\n").encode())
    for place, contents in weak.files().items():
        write_atomically(root / place, contents)
    return read_folder(root)


def draw_scene(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Draws one picture of the built-in data set.

    Args:
        number: number of the picture; its first class is `number % 4`.
        seed: seed of the data set.

    Returns:
        Image uint8 `(row, column, 3)`; mask uint8 `(row, column)` with 255 along outlines; sorted labels shown.
    """
    return _scene(number, seed)[:3]


def _scene(number: int, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], np.ndarray, list[int]]:
    """Draws one picture; beside it: number of the object that each pixel shows, 0 = none, and the objects' labels."""
    rng = np.random.default_rng([seed, number])
    rows, columns = (int(side) for side in rng.choice((96, 104, 112, 120, 128), 2))
    first = number % (len(CLASSES) - 1)
    kinds = [first]
    if rng.random() < 0.25:
        kinds.append(int((first + rng.integers(1, 4)) % 4))      # a second class
    elif rng.random() < 0.2:
        kinds.append(first)                                      # two of a kind
    image = _ground(rng, rows, columns, first)
    mask = np.zeros((rows, columns), np.uint8)
    objects = np.zeros((rows, columns), np.uint8)
    for place, kind in enumerate(kinds):
        objects[_creature(rng, image, mask, kind, place, len(kinds))] = place + 1
    image = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    shown = tuple(sorted({int(label) - 1 for label in np.unique(mask)} - {-1}))
    return image, _with_outlines(mask), shown, objects, kinds


def _ground(rng: np.random.Generator, rows: int, columns: int, kind: int) -> np.ndarray:
    """Draws a muted textured ground with stones and patterned scraps, float32 (row, column, 3)."""
    ground = kind if rng.random() < 0.3 else int(rng.integers(len(_GROUNDS)))
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    relief = 10 * _noise(rng, rows, columns, 1) + 12 * _noise(rng, rows, columns, 5)
    if ground == 2:
        relief += 9 * np.sin(y / 2.2 + 2 * _noise(rng, rows, columns, 8))
    if ground == 3:
        relief -= 22 * ((y % 12 < 1.5) | ((x + 9 * (y // 12 % 2)) % 18 < 1.5))
    if ground == 4:
        relief += 12 * np.sin(x / 3 + 3 * _noise(rng, rows, columns, 10))
    image = np.array(_GROUNDS[ground], np.float32) + relief[..., None] + rng.normal(0, 5, 3).astype(np.float32)
    for _ in range(int(rng.integers(3, 8))):
        centre, radius = rng.uniform((0, 0), (columns, rows)), rng.uniform(3, 10)
        outline = _blob(rng, centre, radius, radius * rng.uniform(0.6, 1), rng.uniform(0, 2 * np.pi))
        grey = rng.uniform(35, 115) + rng.normal(0, 8, 3)
        fill = _patterned(rng.integers(4), x - centre[0], y - centre[1], 2.5, grey, grey * 0.6) \
            if rng.random() < 0.35 else np.broadcast_to(grey, image.shape)
        _lay(image, fill + 4 * _noise(rng, rows, columns, 2)[..., None], _cover(outline, rows, columns))
    return image


def _creature(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, kind: int, place: int,
              of: int) -> np.ndarray:
    """Draws a body and its head into image and mask; of two creatures each gets its half of the longer side.

    Returns where they are, bool (row, column).
    """
    rows, columns = mask.shape
    half = np.array([columns, rows]) / np.where(np.array([columns >= rows, columns < rows]), of, 1)
    centre = half * (np.array([columns >= rows, columns < rows]) * place + 0.5) + rng.normal(0, 0.05, 2) * half
    length = rng.uniform(0.27, 0.36) * (min(half) + 0.35 * (max(half) - min(half)))
    width = length * rng.uniform(0.6, 0.85)
    turn = rng.uniform(0, 2 * np.pi)
    ahead = np.array([np.cos(turn), np.sin(turn)])
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    body = _cover(_blob(rng, centre, length, width, turn), rows, columns)
    hue = (0.25 * kind + rng.normal(0, 0.13)) % 1
    colour = _rgb(hue, rng.uniform(0.35, 0.6), rng.uniform(0.82, 0.95))
    shade = 1 - 0.12 * ((x - centre[0]) * ahead[1] - (y - centre[1]) * ahead[0]) / width
    _lay(image, colour * shade[..., None] + 3 * _noise(rng, rows, columns, 2)[..., None], body)
    radius = max(0.42 * width, 6.5)
    middle = centre + ahead * (length + 0.35 * radius)
    head = _cover(_blob(rng, middle, radius, radius, 0), rows, columns)
    along, across = (x - middle[0]) * ahead[0] + (y - middle[1]) * ahead[1], \
        (y - middle[1]) * ahead[0] - (x - middle[0]) * ahead[1]
    _lay(image, _patterned(kind, along, across, radius / 3, *map(np.array, _HEADS[kind])), head)
    shown = np.maximum(body, head) > 0.5
    mask[shown] = kind + 1
    return shown


def _patterned(kind: int, x: np.ndarray, y: np.ndarray, step: float, light, dark) -> np.ndarray:
    """Paints rings, checks, bars or spots of two colours around the point 0, 0."""
    waves: tuple[Callable[[], np.ndarray], ...] = (
        lambda: np.cos(np.hypot(x, y) * np.pi / step),
        lambda: np.sin(x * np.pi / step / 1.3) * np.sin(y * np.pi / step / 1.3),
        lambda: np.sin(y * np.pi / step),
        lambda: np.cos(x * np.pi / step) + np.cos(y * np.pi / step) - 0.7)
    lit = np.clip(waves[int(kind)]() * 2 + 0.5, 0, 1)[..., None]
    return lit * light + (1 - lit) * dark


def _blob(rng: np.random.Generator, centre, length: float, width: float, turn: float) -> np.ndarray:
    """Returns the outline of a dented ellipse, float (point, 2) as x, y."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    dents = 1 + sum(rng.normal(0, 0.05 / n) * np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 3, 4))
    x, y = length * dents * np.cos(angle), width * dents * np.sin(angle)
    return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1) + centre


def _cover(outline: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Returns how much of each pixel lies inside an outline, float32 (row, column) in 0-1."""
    fine = np.zeros((rows * _FINE, columns * _FINE), np.float32)
    cv2.fillPoly(fine, [np.round(outline * _FINE).astype(np.int32)], 1.0)
    return cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA)


def _lay(image: np.ndarray, fill: np.ndarray, cover: np.ndarray) -> None:
    image += cover[..., None] * (fill - image)


def _noise(rng: np.random.Generator, rows: int, columns: int, width: float) -> np.ndarray:
    """Returns smooth noise of deviation 1, float32 (row, column)."""
    noise = cv2.GaussianBlur(rng.standard_normal((rows, columns), np.float32), (0, 0), width)
    return noise / max(float(noise.std()), 1e-6)


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    colour = np.array([[[hue * 360, saturation, value]]], np.float32)
    return 255 * cv2.cvtColor(colour, cv2.COLOR_HSV2RGB)[0, 0]


def _with_outlines(mask: np.ndarray) -> np.ndarray:
    """Marks the pixels on both sides of an outline as ignore, as PASCAL VOC does."""
    kernel = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(mask, kernel) != cv2.erode(mask, kernel)
    return np.where(edge, np.uint8(IGNORE), mask)

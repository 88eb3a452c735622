"""Weak labels of the built-in pictures, drawn from their objects: boxes, clicks, scribbles."""

import json
from collections.abc import Sequence

import cv2
import numpy as np

_STEP = 7               # pixels from point to point of a scribble
_TURNS = np.deg2rad(np.arange(-30, 31, 15))
_MARGIN = 2.0           # pixels that a scribble keeps from the edge of its object
_KIND = 1               # third number of the generator's seed: pictures use two


class LabelDrawing:
    """Gathers the labels of pictures, and gives them as the JSON files that `weak.fractions_json` reads.

    Args:
        seed: of the data set; clicks and scribbles follow from it, the number of the picture and the objects.
        classes: class names, background first.
    """

    def __init__(self, seed: int, classes: Sequence[str]):
        self._seed, self._classes = seed, classes
        self._found: dict[str, dict[str, list]] = {"boxes": {}, "points": {}, "scribbles": {}}

    def add(self, name: str, number: int, objects: np.ndarray, ids: Sequence[int]) -> None:
        """Draws the labels of one picture.

        Every object gets its box, a click well inside and a scribble along its
        middle; the background gets one or two clicks and a scribble.

        Args:
            name: of the picture.
            number: of the picture.
            objects: int `(row, column)`: 0 = background, n = pixels of the n-th object.
            ids: mask id of each object.
        """
        rng = np.random.default_rng([self._seed, number, _KIND])
        found: dict[str, list] = {kind: [] for kind in self._found}
        size = np.array(objects.shape[::-1])                                     # columns, rows
        for place, class_id in enumerate(ids, 1):
            region = objects == place
            if not region.any():
                continue
            y, x = np.nonzero(region)
            corners = np.array([[x.min(), y.min()], [x.max(), y.max()]])
            tag = {"name": self._classes[class_id]}
            found["boxes"].append({**tag, "box": _fractions(corners / size)})
            found["points"].append({**tag, **_click(rng, region, size)})
            found["scribbles"].append({**tag, "points": _scribble(rng, region, size)})
        ground, tag = objects == 0, {"name": self._classes[0]}
        found["points"] += [{**tag, **_click(rng, ground, size)} for _ in range(int(rng.integers(1, 3)))]
        found["scribbles"].append({**tag, "points": _scribble(rng, ground, size)})
        for kind, labels in found.items():
            self._found[kind][name] = labels

    def files(self) -> dict[str, bytes]:
        """Returns the contents of boxes.json, points.json and scribbles.json by file name."""
        return {f"{kind}.json": json.dumps(found, ensure_ascii=False).encode() for kind, found in self._found.items()}


def _fractions(points: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in points.ravel()]


def _depths(region: np.ndarray) -> np.ndarray:
    """Returns how far each pixel lies from the edge of a region, the picture's own edge included."""
    return cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def _click(rng: np.random.Generator, region: np.ndarray, size: np.ndarray) -> dict[str, float]:
    depths = _depths(region)
    y, x = np.nonzero(depths >= depths.max() / 2)
    at = int(rng.integers(len(x)))
    return dict(zip("xy", _fractions((np.array([x[at], y[at]]) + 0.5) / size), strict=True))


def _scribble(rng: np.random.Generator, region: np.ndarray, size: np.ndarray) -> list[list[float]]:
    """Draws an open line through the deepest part of a region, to both sides as long as it stays inside."""
    depths = _depths(region)
    y, x = np.nonzero(depths >= 0.9 * depths.max())
    at = int(rng.integers(len(x)))
    start = np.array([x[at], y[at]], float)
    angles = rng.uniform(0, np.pi) + np.arange(12) * np.pi / 12
    angle = max(angles, key=lambda angle: _depth(depths, start, angle) + _depth(depths, start, angle + np.pi))
    ahead, back = _walk(depths, start, angle), _walk(depths, start, angle + np.pi)
    line = np.array([*back[::-1], start, *ahead])
    return [_fractions((point + 0.5) / size) for point in line]


def _walk(depths: np.ndarray, start: np.ndarray, angle: float, steps: int = 5) -> list[np.ndarray]:
    """Goes on from a point in small turns, each time to where it is deepest; stops at the edge."""
    line = []
    for _ in range(steps):
        angle = max(angle + _TURNS, key=lambda angle: _depth(depths, start, angle))
        if _depth(depths, start, angle) < _MARGIN:
            break
        start = np.round(start + _STEP * np.array([np.cos(angle), np.sin(angle)]))
        line.append(start)
    return line


def _depth(depths: np.ndarray, start: np.ndarray, angle: float) -> float:
    """Returns the least depth on the way of one step."""
    way = np.linspace(0, 1, _STEP + 1)[:, None] * np.round(_STEP * np.array([np.cos(angle), np.sin(angle)]))
    x, y = np.round(start + way).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < depths.shape[1]) & (y < depths.shape[0])
    return float(depths[y, x].min()) if inside.all() else 0.0

"""Outlines of masks: polygons along the edges of pixels, holes connected to the outside by a cut."""

import numpy as np

from tfwsss.annotations.polygons import fill

TOLERANCES = (1.5, 1.0, 0.75)
"""Pixels by which a simpler outline may leave the edges, tried in this order."""

LEAST_AREA = 400
"""Pixels of a part whose outline is made simpler: smaller ones have few points, and lose much by a slanted edge."""

LEAST_IOU = 0.995
"""Overlap that a simpler outline keeps with its part; where none does, the outline follows every edge."""

_STEPS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])          # right, down, left, up; the part lies at the right hand


def outline_of(pixels: np.ndarray, least: float = LEAST_IOU) -> tuple[np.ndarray, np.ndarray]:
    """Returns one polygon around a connected part.

    Holes are kept: the polygon runs to each through the part, around it, and back on the same way, so that filling it
    by the rule of odd rounds leaves them empty.

    Args:
        pixels: boolean `(row, column)`, one part whose pixels touch at edges or corners.
        least: overlap with the part that leaving out points may leave, 0 to 1; 1 follows every edge.

    Returns:
        Points, float `(point, 2)`, x and y; corners of pixels are whole numbers. And the directions inwards,
        `(point, 2)`, of -1, 0 and 1: moved a little that way, a point lies in a pixel of the part.

    Example:
    >>> outline_of(np.ones((2, 3), bool))[0].tolist()
    [[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]]
    """
    rings = _rings(pixels)
    merged = rings[0]
    fixed: list[tuple[float, float]] = []
    for ring in sorted(rings[1:], key=lambda ring: ring[:, 0].min()):
        merged, ends = _with_hole(merged, ring, pixels)
        fixed += ends
    points, inwards = merged[:, :2], merged[:, 2:]
    large = np.count_nonzero(pixels) >= LEAST_AREA
    kept = _simpler(points, fixed, pixels, least) if large and least < 1 else slice(None)
    return points[kept], inwards[kept]


def _rings(pixels: np.ndarray) -> list[np.ndarray]:
    """Returns closed outlines, `(corner, 4)`: place, and direction inwards; the outer one first."""
    rows, columns = pixels.shape
    padded = np.pad(pixels, 1)
    inner, width = padded[1:-1, 1:-1], columns + 1
    beside = padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2]        # above, right, below, left
    sides = [inner & ~neighbour for neighbour in beside]
    corner = [(0, 0), (1, 0), (1, 1), (0, 1)]                              # where an edge starts, x and y of the pixel
    starts = [(place[:, 0] + y) * width + place[:, 1] + x
              for side, (x, y) in zip(sides, corner, strict=True) for place in [np.argwhere(side)]]
    heading = np.repeat(np.arange(4), [len(start) for start in starts])
    start = np.concatenate(starts)
    ends = start + _STEPS[heading] @ np.array([1, width])
    at = np.full((4, (rows + 1) * width), -1)
    at[heading, start] = np.arange(len(start))
    left, ahead, right = (at[(heading + turn) % 4, ends] for turn in (-1, 0, 1))
    after = np.where(left >= 0, left, np.where(ahead >= 0, ahead, right))       # left: corners connect
    pinched = (left >= 0) & (right >= 0)                                        # two pixels touch at a corner
    rings = [_corners(loop, start, heading, pinched, width) for loop in _loops(after.tolist())]
    return sorted(rings, key=lambda ring: -_twice_area(ring))


def _loops(after: list[int]) -> list[list[int]]:
    """Returns the cycles of a permutation."""
    seen, loops = bytearray(len(after)), []
    for first in range(len(after)):
        if seen[first]:
            continue
        loop, edge = [], first
        while not seen[edge]:
            seen[edge] = 1
            loop.append(edge)
            edge = after[edge]
        loops.append(loop)
    return loops


def _corners(loop: list[int], start: np.ndarray, heading: np.ndarray, pinched: np.ndarray, width: int) -> np.ndarray:
    """Returns the points of a loop at which it turns, with the direction inwards; twice those between two pixels."""
    turns = heading[loop]
    before, narrow = np.roll(turns, 1), np.roll(pinched[loop], 1)
    corner = turns != before
    place, turns, before, narrow = start[loop][corner], turns[corner], before[corner], narrow[corner]
    inner_before, inner = _STEPS[(before + 1) % 4], _STEPS[(turns + 1) % 4]
    first = np.where(narrow[:, None], inner_before - _STEPS[before], inner_before + inner)
    second = _STEPS[turns] + inner
    both = np.stack([np.column_stack([place % width, place // width, each]) for each in (first, second)], axis=1)
    wanted = np.stack([np.ones(len(place), bool), narrow], axis=1)
    return both[wanted].astype(np.float64)


def _twice_area(ring: np.ndarray) -> float:
    """Returns twice the area, positive for an outer ring."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _with_hole(merged: np.ndarray, hole: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, list]:
    """Cuts from the leftmost edge of a hole through the part to what lies left of it, in the middle of a row."""
    first = np.lexsort((hole[:, 1], hole[:, 0]))[0]
    x, y = int(hole[first, 0]), int(hole[first, 1])
    outside = np.flatnonzero(~pixels[y, :x])
    reached = int(outside[-1]) + 1 if len(outside) else 0
    middle = y + 0.5
    there = _edge_at(merged, reached, middle)
    here = _edge_at(hole, x, middle)
    way_out = np.array([[reached, middle, 1.0, 0.0]])
    way_in = np.array([[x, middle, -1.0, 0.0]])
    around = np.concatenate([way_in, np.roll(hole, -here - 1, axis=0), way_in])
    whole = np.concatenate([merged[:there + 1], way_out, around, way_out, merged[there + 1:]])
    return whole, [(float(reached), middle), (float(x), middle)]


def _edge_at(ring: np.ndarray, x: int, y: float) -> int:
    """Returns the place of the vertical edge at x that passes y."""
    after = np.roll(ring, -1, axis=0)
    fitting = (ring[:, 0] == x) & (after[:, 0] == x) & ((ring[:, 1] < y) != (after[:, 1] < y))
    return int(np.flatnonzero(fitting)[0])


def _simpler(points: np.ndarray, fixed: list[tuple[float, float]], pixels: np.ndarray,
             least: float) -> np.ndarray | slice:
    """Returns the places of the points of the simplest outline that keeps the part's pixels well enough."""
    ends = [place for place, point in enumerate(map(tuple, points.tolist())) if point in set(fixed)] if fixed else []
    for tolerance in TOLERANCES:
        kept = _within(points, ends, tolerance)
        if len(kept) >= 3:
            found = fill(points[kept], pixels.shape)
            if np.count_nonzero(found & pixels) >= least * np.count_nonzero(found | pixels):
                return kept
    return slice(None)


def _within(points: np.ndarray, ends: list[int], tolerance: float) -> np.ndarray:
    """Thins a closed line by the rule of Douglas and Peucker; the points at `ends` stay."""
    count = len(points)
    ends = ends or [0, int(np.argmax(np.sum((points - points[0]) ** 2, axis=1)))]
    kept = np.zeros(count, bool)
    kept[ends] = True
    stack = [(a, b if b > a else b + count) for a, b in zip(ends, [*ends[1:], ends[0]], strict=True)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        inner = points[np.arange(first + 1, last) % count]
        a, b = points[first % count], points[last % count]
        away = _distance(inner, a, b)
        far = int(np.argmax(away))
        if away[far] > tolerance:
            middle = first + 1 + far
            kept[middle % count] = True
            stack += [(first, middle), (middle, last)]
    return np.flatnonzero(kept)


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns how far points lie from the piece between two others."""
    along = end - start
    length = float(along @ along)
    share = np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(len(points))
    return np.sqrt(np.sum((points - start - share[:, None] * along) ** 2, axis=1))

"""Drawn tiles, half of them with a small defect, tagged good or bad; docs/results.md has figures of another program's.

    python benchmarks/tiles.py FOLDER [--count 300] [--val 100] [--seed 0]
    python -m tfwsss.train --config auto --set data.root=FOLDER --set data.split=train --set data.negative=good

Each is a glazed or stone tile of 320 x 320 pixels with grout, light from one side and noise. A bad one has a crack, a
stain or some chips on about 1 % of its area. FOLDER gets images/, labels.csv (name,classes), classes.txt, masks/ (for
scoring) and ImageSets/Segmentation/{train,val}.txt.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

SIDE = 320
DEFECTS = ("crack", "stain", "chips")


def clouds(rng: np.random.Generator, size: float) -> np.ndarray:
    """Smooth noise of mean 0 and deviation 1, float32 `(row, column)`; size: of its grains in pixels."""
    coarse = rng.normal(size=(max(2, round(SIDE / size)) + 2,) * 2).astype(np.float32)
    noise = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / (noise.std() + 1e-6)


def plain_tile(rng: np.random.Generator) -> np.ndarray:
    """A tile without defect, float32 `(row, column, 3)`, 0 to 255."""
    colour = np.float32([rng.uniform(110, 220), rng.uniform(100, 210), rng.uniform(90, 200)])
    image = np.broadcast_to(colour, (SIDE, SIDE, 3)).copy()
    for size, strength in ((90, 9), (25, 6), (6, 4)):
        image += strength * rng.uniform(0.3, 1.0) * clouds(rng, size)[..., None] * rng.uniform(0.7, 1.0, 3)
    slope = np.linspace(-1, 1, SIDE, dtype=np.float32)
    image += rng.uniform(-18, 18) * slope[:, None, None] + rng.uniform(-18, 18) * slope[None, :, None]
    grout, width = rng.uniform(60, 190), int(rng.integers(3, 8))
    for edge in (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]):
        image[edge] = grout + rng.normal(0, 5, image[edge].shape)
    return image


def outline(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    """Corners of a rough disc, int32 `(corner, 2)`, x and y."""
    turns = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = radius * rng.uniform(0.6, 1.3, turns.shape)
    return np.int32(np.rint(centre + np.stack([np.cos(turns), np.sin(turns)], axis=1) * reach[:, None]))


def defect(rng: np.random.Generator, kind: str) -> np.ndarray:
    """The pixels of a defect, bool `(row, column)`."""
    cover = np.zeros((SIDE, SIDE), np.uint8)
    centre = rng.uniform(50, SIDE - 50, 2)
    if kind == "crack":
        turn, points = rng.uniform(0, 2 * np.pi), [centre]
        for _ in range(int(rng.integers(10, 22))):
            turn += rng.normal(0, 0.45)
            points.append(points[-1] + rng.uniform(8, 16) * np.array([np.cos(turn), np.sin(turn)]))
        cv2.polylines(cover, [np.int32(np.rint(points))], False, 1, int(rng.integers(3, 6)))
    elif kind == "stain":
        cv2.fillPoly(cover, [outline(rng, centre, rng.uniform(14, 24))], 1)
    else:
        for _ in range(int(rng.integers(3, 7))):
            cv2.fillPoly(cover, [outline(rng, centre + rng.normal(0, 28, 2), rng.uniform(5, 10))], 1)
    return cover > 0


def tile(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A tile, uint8 `(row, column, 3)`, and its mask, uint8 `(row, column)`; every second one is bad."""
    rng = np.random.default_rng([seed, number])
    image, mask = plain_tile(rng), np.zeros((SIDE, SIDE), np.uint8)
    if number % 2:
        kind = DEFECTS[number // 2 % len(DEFECTS)]
        shown = defect(rng, kind)
        soft = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 0.8)[..., None]
        paint = {"crack": np.float32([45, 40, 38]), "stain": image * np.float32([0.72, 0.62, 0.45]),
                 "chips": np.float32([225, 220, 212]) if image.mean() < 150 else np.float32([95, 88, 80])}[kind]
        image = image * (1 - soft) + (paint + 6 * clouds(rng, 4)[..., None]) * soft
        mask[shown] = 1
    image += rng.normal(0, 3, image.shape)
    return np.uint8(np.clip(image, 0, 255)), mask


def main():
    """Draws the tiles and writes the files of a folder of photographs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--val", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    lists = asked.folder / "ImageSets" / "Segmentation"
    for folder in (asked.folder / "images", asked.folder / "masks", lists):
        folder.mkdir(parents=True, exist_ok=True)
    names, rows, share = [], ["name,classes"], []
    for number in range(asked.count + asked.val):
        image, mask = tile(number, asked.seed)
        names.append(f"tile_{number:04d}")
        rows.append(f"{names[-1]},{'bad' if mask.any() else 'good'}")
        share += [mask.mean()] if mask.any() else []
        cv2.imwrite(str(asked.folder / "images" / f"{names[-1]}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        cv2.imwrite(str(asked.folder / "masks" / f"{names[-1]}.png"), mask)
    (asked.folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (asked.folder / "classes.txt").write_text("background\nbad\n", encoding="utf-8")
    for split, part in (("train", names[:asked.count]), ("val", names[asked.count:])):
        (lists / f"{split}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
    print(f"{len(names)} tiles, {len(share)} bad, defects on {100 * np.mean(share):.2f} % of their area")


if __name__ == "__main__":
    main()

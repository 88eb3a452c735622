"""Saliency maps made inside, beside the middle of the image and maps from elsewhere, measured on true masks.

    python benchmarks/saliency.py --root FOLDER [--split val] [--images 200] [--maps FOLDER]

FOLDER holds images, labels.csv and masks (`data.kind: folder`). An object is whatever the mask calls no background;
ignored pixels do not count. Counts of all images are added before a ratio is taken:

    IoU at T    pixels with a byte of at least T against the objects; "best" over all T, with that T
    found       share of the objects' pixels with a byte of at least 32, from which OAA and MCIS call one salient
    ground      share of the others; ICD calls a pixel salient from 3
    MAE         mean over images of the mean of |byte / 255 - object|
    max F       largest over T of 1.3 P R / (0.3 P + R), P and R means over images

200 `val` photographs of VOC 2012's animals and persons, longer side 320 pixels, one core of two (28 November 2026,
others at work on the machine; the maps given are those of a network trained on salient objects):

    rule                        best     IoU  IoU128   IoU32    IoU3   found  ground     MAE   max F seconds
    middle of the image          134    37.9    37.8    26.9    26.1    99.1    95.2   0.391    57.3   0.000
    robust background             34    43.0    35.0    42.9    36.9    66.9    19.8   0.225    64.7   0.153
    manifold ranking              69    41.5    39.8    38.3    29.8    83.5    41.8   0.264    64.8   0.101
    both, nearer the middle       44    45.6    32.7    45.4    34.4    70.7    19.7   0.228    68.0   0.155
    GrabCut of these               1    44.8    44.8    44.8    44.8    68.4    18.6   0.222    63.0   0.495
    mean of both (default)        26    45.7    44.8    45.7    37.4    72.5    20.8   0.225    66.2   0.372
    given maps                   144    72.4    72.1    61.8    42.0    94.4    18.7   0.116    84.5   0.002

What they are for: proxy labels (`ops.proxy_labels`, MCIS' lines) of the class maps of an ICD run with MobileNetV2, mIoU
on 150 photographs of its training set; the limits of GrabCut and its share were chosen on 150 others. Without saliency
40.7, at the best threshold 45.0; "both, nearer the middle" 52.9; default 53.1; given maps 71.3. With undecided pixels
as errors: 40.7, 45.0, 46.7, 49.4, 64.0.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from tfwsss.data.sources import open_images
from tfwsss.refine.manifold_ranking import manifold_ranking
from tfwsss.refine.region_graph import region_graph
from tfwsss.refine.robust_background import robust_background
from tfwsss.refine.saliency import CENTRE, saliency
from tfwsss.refine.superpixels import slic
from tfwsss.settings.sections import DataSettings


def middle(image):
    """The baseline: how near a pixel is to the middle, whatever the image shows."""
    rows, columns = ((np.arange(size) + 0.5) / size - 0.5 for size in image.shape[:2])
    return np.exp(-(rows[:, None]**2 + columns**2) / (2 * CENTRE**2))


def by_regions(rule, image):
    """One of the two rules alone, on the superpixels of the default settings."""
    regions = slic(image, 300, 20.0)
    return rule(region_graph(image, regions))[regions]


RULES = {
    "middle of the image": middle,
    "robust background": lambda image: by_regions(robust_background, image),
    "manifold ranking": lambda image: by_regions(manifold_ranking, image),
    "both, nearer the middle": lambda image: saliency(image, cut=0.0) / 255,
    "GrabCut of these": lambda image: saliency(image, cut=1.0) / 255,
    "mean of both (default)": lambda image: saliency(image) / 255,
}
COLUMNS = ("best", "IoU", "IoU128", "IoU32", "IoU3", "found", "ground", "MAE", "max F", "seconds")


def measure(rule, images, names):
    """One row of the table; figures but MAE, threshold and seconds in per cent."""
    counts, errors, curves, seconds = np.zeros((2, 256)), [], [], 0.0
    for name in names:
        image, mask = images.read_image(name), images.read_mask(name)
        start = time.perf_counter()
        values = rule(image) if callable(rule) else cv2.imread(str(rule / f"{name}.png"), cv2.IMREAD_GRAYSCALE) / 255
        seconds += time.perf_counter() - start
        values, truth = np.rint(255 * values[mask != 255]).astype(int), mask[mask != 255] > 0
        own = np.stack([np.bincount(values[truth == kind], minlength=256) for kind in (False, True)])
        counts += own
        errors.append(np.abs(values / 255 - truth).mean())
        above = own[:, ::-1].cumsum(1)[:, ::-1]
        curves.append((above[1] / np.maximum(above.sum(0), 1), above[1] / max(own[1].sum(), 1)))
    ground, found = counts[:, ::-1].cumsum(1)[:, ::-1]
    iou = 100 * found / (counts[1].sum() + ground)
    precision, recall = np.mean(curves, axis=0)
    best = int(iou[1:].argmax()) + 1
    f_measure = 130 * precision * recall / np.maximum(0.3 * precision + recall, 1e-12)
    return (best, iou[best], iou[128], iou[32], iou[3], 100 * found[32] / found[0], 100 * ground[32] / ground[0],
            float(np.mean(errors)), f_measure[1:].max(), seconds / len(names))


def main():
    parser = argparse.ArgumentParser(description="Saliency maps against true masks.")
    parser.add_argument("--root", type=Path, required=True, help="folder with images, labels.csv and masks")
    parser.add_argument("--split", help="list of names; all where it is left out")
    parser.add_argument("--images", type=int, default=200, help="how many, spread over the list")
    parser.add_argument("--maps", type=Path, help="folder of grey PNGs to measure beside")
    settings = parser.parse_args()
    cv2.setNumThreads(1)
    images = open_images(DataSettings(kind="folder", root=settings.root), Path(), settings.split)
    names = [name for name in images.names if name in images.masks]
    names = names[::max(1, len(names) // settings.images)][:settings.images]
    rules = RULES | ({"given maps": settings.maps} if settings.maps else {})
    print(f"{len(names)} images of {settings.root.name}, {settings.split or 'all'}")
    print(f"{'rule':<24}" + "".join(f"{title:>8}" for title in COLUMNS))
    answer = {}
    for title, rule in rules.items():
        row = measure(rule, images, names)
        answer[title] = dict(zip(COLUMNS, (round(float(value), 3) for value in row), strict=True))
        print(f"{title:<24}{row[0]:>8}" + "".join(f"{value:>8.1f}" for value in row[1:7])
              + f"{row[7]:>8.3f}{row[8]:>8.1f}{row[9]:>8.3f}", flush=True)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

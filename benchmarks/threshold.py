"""Thresholds of class maps chosen without masks, by several criteria, beside the best one by true masks.

    python benchmarks/threshold.py RUN [RUN ...] [--stage cam] [--images 150]

A criterion gives each image a curve over the thresholds 0.01 ... 0.99 (images reduced to 160 pixels), and from the
curves one threshold for the whole run: where their mean is highest, or the median of the single images' best. With w
the share of pixels above the threshold:

    strengths       before: the deepest valley of the strengths' histogram, else Otsu's threshold
    otsu            Otsu's threshold of the strengths
    0.3             a constant
    colours         w (1 - w) |difference of mean colours|^2 / variance of the colours (CIELab), median
    chosen          with texture and (w (1 - w))^0.75, median: `refine.colour_threshold`
    contrast        |difference of mean colours|^2 / variance, median
    information     between foreground and 16 clusters of the image's colours, in bits, mean
    per bit         the same in parts of the foreground's own entropy, mean
    superpixels     variance of foreground explained by 200 superpixels (SLIC), mean
    edges           mean colour gradient along the border of the foreground, mean

Points lost against the best threshold by true masks, and the threshold; 28 November 2026. Runs on 300 photographs of
animals (an_), 320 built-in pictures (demo_) and 300 drawn tiles with defects on 1 % of their area. In the first four
rows 300 images' colours were asked; in the others 100, and "chosen" had the power 0.8 (with 0.75 and all images it
loses 0.2, 0.4, 0.2 and 0.2 points there):

    run         best    at    strengths         otsu          0.3       chosen      colours     contrast
    an_icd      44.9  0.51   0.3 (0.57)   0.4 (0.42)   2.5 (0.30)   0.5 (0.41)   1.3 (0.35)  30.4 (0.96)
    demo_a2gnn  43.1  0.12   7.5 (0.33)   7.5 (0.33)   6.2 (0.30)   0.6 (0.16)   0.0 (0.12)  25.8 (0.95)
    tiles_one   51.6  0.92   6.1 (0.62)   8.9 (0.44)  11.1 (0.30)   1.2 (0.86)   2.3 (0.82)   0.4 (0.95)
    demo_seam   48.6  0.17   3.5 (0.32)   3.5 (0.32)   2.9 (0.30)   0.4 (0.21)   0.1 (0.15)  26.2 (0.82)
    an_oaa      46.3  0.41   4.2 (0.66)   0.0 (0.41)   0.9 (0.30)   0.4 (0.34)   0.7 (0.31)  29.0 (0.95)
    an_mcis     48.2  0.20   1.8 (0.35)   1.8 (0.35)   0.9 (0.30)   0.0 (0.23)   0.4 (0.15)  36.8 (0.97)
    an_coatt    48.3  0.21   1.9 (0.35)   1.9 (0.35)   0.9 (0.30)   0.0 (0.22)   0.4 (0.15)  36.2 (0.96)
    demo_icd    44.2  0.21   0.9 (0.31)   0.9 (0.31)   0.8 (0.30)   0.1 (0.18)   1.0 (0.15)  27.3 (0.95)

    run          information      per bit  superpixels        edges
    an_icd        1.4 (0.35)   6.4 (0.17)   1.4 (0.35)  30.4 (0.96)
    demo_a2gnn    0.5 (0.10)  19.4 (0.80)   1.1 (0.09)  23.9 (0.91)
    tiles_one     9.2 (0.42)   1.2 (0.86)  11.0 (0.31)   0.4 (0.95)
    demo_seam     0.1 (0.15)  17.9 (0.67)   5.9 (0.05)  30.3 (0.90)
    an_oaa        1.5 (0.26)  23.0 (0.91)   1.9 (0.24)  23.0 (0.91)
    an_mcis       0.9 (0.12)  25.9 (0.82)   1.5 (0.10)  28.8 (0.86)
    an_coatt      0.8 (0.13)  26.4 (0.83)   4.3 (0.05)  31.0 (0.89)
    demo_icd      1.7 (0.13)  18.8 (0.76)   0.0 (0.22)  27.5 (0.96)

Not tried: agreement with the dense CRF, stability under mirror and scale, area priors, agreement of two seeds.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from tfwsss.artefacts.files import finished
from tfwsss.artefacts.scores import read_scores
from tfwsss.inference.kept import strongest
from tfwsss.methods.opened import load_run
from tfwsss.metrics.iou import Confusion, iou
from tfwsss.refine.colour_threshold import SIDE, STEPS, parted_colours
from tfwsss.refine.superpixels import slic
from tfwsss.refine.thresholds import ThresholdSearch
from tfwsss.runs.scoring import sweep_maps
from tfwsss.runs.shown import spread

THRESHOLDS = np.arange(1, STEPS) / STEPS


def above(strength, weights):
    """Sums of weights `(kind, pixel)` over the pixels above each threshold, `(kind, threshold)`."""
    place = np.ceil(strength.ravel() * STEPS - 1e-3).astype(int).clip(0, STEPS)
    counts = np.array([np.bincount(place, own, STEPS + 1) for own in weights])
    return counts[:, :1:-1].cumsum(1)[:, ::-1]


def entropy(share):
    """Of a yes or no, in bits."""
    share = share.clip(1e-9, 1 - 1e-9)
    return -share * np.log2(share) - (1 - share) * np.log2(1 - share)


def groups(ids):
    """Indicators of the ids, `(id, pixel)`."""
    return (np.arange(ids.max() + 1)[:, None] == ids.ravel()).astype(float)


def colours(strength, lab):
    """Variance between both sides in parts of the whole; the difference alone."""
    centred = lab.reshape(-1, 3) - lab.mean((0, 1))
    pixels, both = len(centred), above(strength, np.ones((1, lab[..., 0].size)))[0] / lab[..., 0].size
    moved = np.square(above(strength, centred.T) / pixels).sum(0) / max(np.square(centred).sum() / pixels, 1e-9)
    both = np.maximum(both * (1 - both), 1 / pixels)
    return moved / both, moved / both**2


def information(strength, lab):
    """Between the foreground and clusters of colours: bits, and in parts of the foreground's own."""
    cv2.setRNGSeed(0)
    points = np.ascontiguousarray(lab.reshape(-1, 3), np.float32)
    ids = cv2.kmeans(points, 16, None, (3, 15, 0.5), 1, cv2.KMEANS_PP_CENTERS)[1].ravel()
    members = groups(ids)
    size = members.sum(1, keepdims=True)
    inside = above(strength, members)
    own = entropy(inside.sum(0) / len(ids))
    bits = own - (size / len(ids) * entropy(inside / np.maximum(size, 1))).sum(0)
    return bits, bits / np.maximum(own, 0.05)


def superpixels(strength, image):
    """Share of the foreground's variance that superpixels explain."""
    members = groups(slic(image, 200, 10.0))
    size, inside = members.sum(1, keepdims=True), above(strength, members)
    share, whole = inside / size, inside.sum(0) / members.shape[1]
    return (1 - (inside * (1 - share)).sum(0) / members.shape[1] / np.maximum(whole * (1 - whole), 1e-3),)


def edges(strength, lab):
    """Mean colour gradient along the border."""
    steps = [cv2.Sobel(lab, cv2.CV_32F, *which) for which in ((1, 0), (0, 1))]
    slope, found = np.sqrt(np.square(steps).sum((0, -1))), []
    for threshold in THRESHOLDS:
        inside = (strength > threshold).astype(np.uint8)
        border = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        found.append(slope[border].mean() if border.sum() > 20 else 0.0)
    return (np.array(found),)


def curves_of(strength, image):
    """Every criterion's curve of one image."""
    size = [max(1, round(side * min(1, SIDE / max(strength.shape)))) for side in strength.shape[::-1]]
    small, weak = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (image, strength))
    lab = cv2.GaussianBlur(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), 1)
    values = (parted_colours(strength, image), *colours(weak, lab), *information(weak, lab), *superpixels(weak, small),
              *edges(weak, lab))
    return dict(zip(("chosen", "colours", "contrast", "information", "per bit", "superpixels", "edges"), values,
                    strict=True))


def chosen(title, curves):
    """One threshold of all images' curves."""
    if title in ("colours", "contrast"):
        return float(np.median(THRESHOLDS[curves.argmax(1)]))
    return float(THRESHOLDS[curves.mean(0).argmax()])


def measure(run, stage, count):
    """Returns the best mIoU and its threshold, and criterion to threshold and points lost."""
    opened = load_run(run)
    images, folder = opened.images(), run / stage
    done = finished(folder, "scores", images.names)
    names = [name for name in images.names if name in done]
    search, curves, matrix = ThresholdSearch(), {}, 0
    looked_at = set(spread([name for name in names if images.labels[name]], count))
    for name in names:
        maps = read_scores(folder, name)
        matrix = matrix + sweep_maps(images, name, maps, THRESHOLDS)
        if len(maps.classes):
            strength = strongest(maps)[1]
            image = images.read_image(name) if name in looked_at else None
            search.add(strength, image)
            for title, curve in (curves_of(strength, image) if image is not None else {}).items():
                curves.setdefault(title, []).append(curve)
    nothing = np.zeros(len(images.classes), np.int64)
    miou = np.array([float(iou(Confusion(each, nothing), reduction="mean")) for each in matrix])
    choice = search.choice()
    found = {"strengths": choice.stable if choice.valley else choice.otsu, "otsu": choice.otsu, "0.3": 0.3}
    found |= {title: chosen(title, np.array(each)) for title, each in curves.items()} | {"chosen": choice.threshold}
    lost = {title: 100 * (miou.max() - np.interp(at, THRESHOLDS, miou)) for title, at in found.items()}
    return 100 * miou.max(), THRESHOLDS[miou.argmax()], {title: (at, lost[title]) for title, at in found.items()}


def main():
    parser = argparse.ArgumentParser(description="Thresholds chosen without masks against the best.")
    parser.add_argument("runs", type=Path, nargs="+", help="finished runs whose images have masks")
    parser.add_argument("--stage", default="cam", help="of class maps")
    parser.add_argument("--images", type=int, default=150, help="whose colours are asked, spread over all")
    settings = parser.parse_args()
    cv2.setNumThreads(1)
    answer = {}
    for run in settings.runs:
        best, at, found = measure(run, settings.stage, settings.images)
        if not answer:
            print(f"{'run':<16}{'best':>6}{'at':>6}" + "".join(f"{title:>14}" for title in found))
        answer[run.name] = {"best": best, "threshold": at, "criteria": found}
        print(f"{run.name:<16}{best:>6.1f}{at:>6.2f}"
              + "".join(f"{f'{lost:.1f} ({own:.2f})':>14}" for own, lost in found.values()), flush=True)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

"""Seconds of A2GNN's graph network for one image beside the dense form in PyTorch, and of several images at once.

    python benchmarks/a2gnn.py [--epochs 3] [--together 8] [--memory]

One image of 375 x 500 pixels: 2961 nodes of 5632 channels, half of them 0 as after a ReLU, no channel of zeros alone
(real networks have some: ours leaves them out). Tags: window of radius 3, 50 + 50 epochs; boxes: radius 4, three boxes,
150 + 150. PyTorch (CPU; `pip install torch`, left out where it is missing) does what the release does: all pairs of
nodes, maps enlarged to the padded image, windows unfolded, the kernel of the gated CRF anew in every epoch. Both are
timed over a few epochs of each phase and SCALED to all of them, but for what ours makes once an image, which is timed
apart. Forms take turns and the median counts, first calls do not; processor seconds are those of all cores. The floor
is multiply-adds with exact sparsity, 0.93 T (tags) and 3.0 T (boxes), over the rate of a large product on this machine.
Peak memory is measured in a fresh process for each form, beyond what it held with the image's arrays.
"""

import argparse
import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from a2gnn_dense import CLASSES, STRIDE, DenseTorch  # noqa: E402
from turns import held, imported_torch, in_turns, rate  # noqa: E402

ROWS, COLUMNS = 375, 500
RADIUS = {"tags": 3, "boxes": 4}
PUBLISHED = {"tags": (50, 50), "boxes": (150, 150)}
FLOOR = {"tags": 0.93e12, "boxes": 3.0e12}
BOXES, LABELS = np.array([(40, 60, 230, 340), (200, 150, 480, 375), (300, 20, 420, 140)]), np.array([12, 15, 3])


def image(kind: str, channels: int, shrink: int, number: int = 0):
    """Draws what the graph network of an image is given; `shrink` divides the sides, to try this program out."""
    from scipy.ndimage import gaussian_filter

    from tfwsss.ops.affinity import feature_affinity
    from tfwsss.ops.offsets import half_window, pair_mask
    from tfwsss.training.graph_problem import GraphProblem

    random, size = np.random.default_rng(number), (ROWS // shrink, COLUMNS // shrink)
    grid = tuple(-(-side // STRIDE) for side in size)
    features = np.maximum(random.standard_normal((*grid, channels), np.float32), 0)
    offsets = half_window(RADIUS[kind])
    smooth = gaussian_filter(random.standard_normal((*grid, 16)), (3, 3, 0)) * 8
    affinity = feature_affinity(smooth[None].astype("float32"), offsets) * pair_mask(*grid, offsets)
    seeds = np.full(size, 255)
    if kind == "boxes":
        seeds[:] = 0
    for (left, top, right, bottom), label in zip(BOXES // shrink, LABELS, strict=True):
        middle = (slice(top + (bottom - top) // 4, bottom - (bottom - top) // 4),
                  slice(left + (right - left) // 4, right - (right - left) // 4))
        seeds[top:bottom, left:right] = 255
        seeds[middle] = label
    if kind == "tags":
        seeds[:size[0] // 8], seeds[:, :size[1] // 12] = 0, 0
    colours = gaussian_filter(random.standard_normal((*grid, 3)), (2, 2, 0)).astype("float32")
    return GraphProblem(f"image {number}", features, affinity[0].numpy(), seeds, colours, BOXES // shrink, LABELS)


def solver(kind: str, epochs):
    from tfwsss.training.graph_settings import FOR_BOXES, GraphSettings
    from tfwsss.training.graph_solver import GraphSolver

    settings = (FOR_BOXES if kind == "boxes" else GraphSettings()).model_copy(update={"epochs": epochs})
    return GraphSolver(settings, CLASSES, STRIDE)


def our_form(kind: str, problems, epochs):
    """A call that trains and classifies the images at once."""
    own = solver(kind, epochs)
    return lambda: list(own.solve_group([own.prepare(one) for one in problems]))


def compare(kind: str, settings, torch) -> dict:
    """Seconds an image of each form, scaled to all epochs."""
    epochs, channels, shrink = settings.epochs, settings.channels, settings.shrink
    one = image(kind, channels, shrink)
    scale, several = PUBLISHED[kind][0] / epochs, []
    calls = {"once": our_form(kind, [one], (0, 0)), "ours": our_form(kind, [one], (epochs, epochs))}
    if torch:
        dense = DenseTorch(torch, kind, RADIUS[kind], one)
        calls["torch"] = lambda: dense.run(epochs, epochs)
    if settings.together > 1:
        several = [image(kind, channels, shrink, number) for number in range(settings.together)]
        calls |= {"together_once": our_form(kind, several, (0, 0)),
                  "together": our_form(kind, several, (epochs, epochs))}
    taken = in_turns(calls, settings.repeats)
    found = {"ours": taken["once"] + scale * (taken["ours"] - taken["once"])}
    if torch:
        found["torch"] = scale * taken["torch"]
        found["ratio"] = found["ours"] / found["torch"]
    if several:
        once = taken["together_once"]
        found["together"] = (once + scale * (taken["together"] - once)) / len(several)
    found["floor"] = FLOOR[kind] / rate()
    shown = "   ".join(f"{name} {wall:.3g} ({processor:.3g})" for name, (wall, processor) in found.items())
    print(f"{kind}, {sum(PUBLISHED[kind])} epochs, scaled from {2 * epochs}, seconds an image (of processor):   "
          f"{shown}", flush=True)
    return {f"{kind}_{name}": np.round(value, 4).tolist() for name, value in found.items()}


def measure_memory(form: str, kind: str, settings) -> None:
    """Prints the MiB that two epochs need at their peak beyond what was held with the image's arrays."""
    count = settings.together if form == "together" else 1
    problems = [image(kind, settings.channels, settings.shrink, number) for number in range(count)]
    small = image(kind, 64, 4)
    if form == "torch":
        dense = DenseTorch(imported_torch(), kind, RADIUS[kind], problems[0])
        call = lambda: dense.run(1, 1)  # noqa: E731
    else:
        our_form(kind, [small], (1, 1))()
        call = our_form(kind, problems, (1, 1))
    before = held("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")                                     # the peak starts anew from what is held now
    call()
    print(json.dumps({"mebibytes": held("VmHWM") - before}))


def memory(kind: str, settings, torch) -> dict:
    found = {}
    for form in ("ours", *(["torch"] if torch else []), *(["together"] if settings.together > 1 else [])):
        call = [sys.executable, __file__, "--one", form, kind, *(f"--{name}={getattr(settings, name)}" for name in (
            "together", "channels", "shrink"))]
        answer = subprocess.run(call, check=True, capture_output=True, text=True).stdout
        found[f"{kind}_{form}_mebibytes"] = round(json.loads(answer.strip().splitlines()[-1])["mebibytes"])
    print(f"{kind}, peak memory in MiB:   " + "   ".join(f"{name} {value}" for name, value in found.items()))
    return found


def main():
    parser = argparse.ArgumentParser(description="A2GNN's graph network beside the dense form in PyTorch.")
    parser.add_argument("--kinds", nargs="*", default=list(RADIUS), choices=list(RADIUS))
    parser.add_argument("--epochs", type=int, default=3, help="timed in each phase")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--together", type=int, default=8, help="images at once; 1: only one")
    parser.add_argument("--channels", type=int, default=5632)
    parser.add_argument("--shrink", type=int, default=1, help="divides the sides of the image, to try this program out")
    parser.add_argument("--memory", action="store_true", help="peak memory as well")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.one:
        return measure_memory(*settings.one, settings)
    torch, result = imported_torch(), {}
    for kind in settings.kinds:
        result |= compare(kind, settings, torch) | (memory(kind, settings, torch) if settings.memory else {})
    print(json.dumps(result))


if __name__ == "__main__":
    main()

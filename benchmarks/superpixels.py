"""Superpixels and their merging beside the plain library call and the plain NumPy form.

    python benchmarks/superpixels.py [--repeats 7]

Superpixels: `refine.superpixels.felzenszwalb` beside scikit-image's function of that name with the same settings, on
two photographs, a drawing of flat colours (most edges equal) and noise, 321 x 481. `identical` says that all four maps
are those of the walk edge by edge, which draws the original tool's maps (tests/refine hold them). Merging: features of
a 65 x 65 grid, 128 channels, to 64 regions, beside one-hot superpixels at every pixel and all pairs anew each time.
Runs alternate in one process, the median counts; peak memory is that of one run in a fresh process, beyond what it held
after a tiny one. `ratio` (ours / library) is the largest of the two photographs.

Forms tried at 321 x 481, first photograph (two cores of an AMD EPYC, 20 November 2026, the machine otherwise idle):

    form                                                                            seconds
    scikit-image's compiled walk (float64, unstable order: other maps on flat images)  0.115
    edge by edge in Python                                                             0.50
    rounds of edges that come first at both ends, whole graph                          1.44 (2,888 rounds)
    blocks of edges, those inside or between settled components dropped, then by edge  0.12
    the same with rounds inside each block (chosen)                                    0.075
    edges of weight 0 by SciPy's connected components first (chosen): flat only        0.56 of the library's, was 1.16
    minimum spanning tree by SciPy alone, before any walk                              0.065
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from tfwsss.refine.merging import merge_regions
from tfwsss.refine.pixel_graph import sorted_edges
from tfwsss.refine.superpixels import _smooth, felzenszwalb

ROWS, COLUMNS, CANVAS, GRID, CHANNELS, REGIONS = 321, 481, (513, 513), 65, 128, 64
PHOTOGRAPHS = ("astronaut", "coffee")


def pictures():
    """The four images, uint8."""
    import skimage.data

    rng = np.random.default_rng(0)
    flat = np.kron(rng.integers(0, 4, (21, 25, 3)) * 60, np.ones((16, 20, 1)))
    made = {name: getattr(skimage.data, name)() for name in PHOTOGRAPHS}
    made |= {"flat": flat.astype(np.uint8), "noise": rng.integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)}
    return {name: np.ascontiguousarray(image[:ROWS, :COLUMNS]) for name, image in made.items()}


def library(image):
    """The plain call."""
    from skimage.segmentation import felzenszwalb as theirs

    return theirs(image, scale=75, sigma=0.8, min_size=75)


def edge_by_edge(image, scale=75, min_size=75):
    """The tool's two walks as they are written: one edge after the other."""
    first, second, weight = (part.tolist() for part in sorted_edges(_smooth(image, 0.8)))
    parent, size = list(range(image.shape[0] * image.shape[1])), [1] * (image.shape[0] * image.shape[1])
    threshold = [float(scale)] * len(parent)

    def root(node):
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    def join(one, other):
        parent[other] = one
        size[one] += size[other]

    for start, end, distance in zip(first, second, weight, strict=True):
        one, other = root(start), root(end)
        if one != other and distance <= threshold[one] and distance <= threshold[other]:
            join(one, other)
            threshold[one] = float(np.float32(distance) + np.float32(scale) / np.float32(size[one]))
    for start, end in zip(first, second, strict=True):
        one, other = root(start), root(end)
        if one != other and min(size[one], size[other]) < min_size:
            join(one, other)
    seen = {}
    ids = [seen.setdefault(root(node), len(seen)) for node in range(len(parent))]
    return np.array(ids, np.int32).reshape(image.shape[:2])


def merging_problem():
    """Superpixels of a photograph and features that vary smoothly over it."""
    regions = felzenszwalb(pictures()["coffee"])
    rng = np.random.default_rng(1)
    coarse = np.maximum(rng.standard_normal((9, 9, CHANNELS)), 0)
    weights = aligned(GRID, 9)
    return regions, np.einsum("ri,ijc,sj->rsc", weights, coarse, weights, optimize=True).astype(np.float32)


def aligned(count, grid):
    """Weights of the bilinear resize with aligned corners: (count, grid)."""
    place = np.arange(count) * (grid - 1) / (count - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(grid)))


def plain_merging(regions, features):
    """Every pixel's features, one-hot superpixels, all pairs anew after each join."""
    rows, columns = regions.shape
    down, across = aligned(CANVAS[0], GRID).astype(np.float32), aligned(CANVAS[1], GRID).astype(np.float32)
    dense = np.tensordot(across, np.tensordot(down, features, 1), (1, 1)).swapaxes(0, 1)[:rows, :columns]
    owner = np.arange(regions.max() + 1)
    one_hot = (regions.ravel() == owner[:, None]).astype(np.float32)
    sizes = one_hot.sum(axis=1)
    means = (one_hot @ dense.reshape(-1, CHANNELS) / sizes[:, None]).astype(np.float64)
    alive = owner.copy()
    while len(alive) > REGIONS:
        unit = means[alive] / np.linalg.norm(means[alive], axis=1, keepdims=True)
        likeness = unit @ unit.T + 1 - (sizes[alive, None] + sizes[alive]) / regions.size
        likeness[np.tril_indices(len(alive))] = -np.inf
        low, high = alive[list(np.unravel_index(likeness.argmax(), likeness.shape))]
        means[low] = (means[low] * sizes[low] + means[high] * sizes[high]) / (sizes[low] + sizes[high])
        sizes[low] += sizes[high]
        owner[owner == high] = low
        alive = alive[alive != high]
    return np.unique(owner, return_inverse=True)[1][regions]


def our_merging(regions, features):
    return merge_regions(regions, features, canvas=CANVAS, max_regions=REGIONS)


FORMS = {"ours": felzenszwalb, "library": library, "merging": our_merging, "plain": plain_merging}


def alternate(forms, arguments, repeats):
    """Medians of the seconds of each form, runs taking turns, after one run each that does not count."""
    taken = {name: [] for name in forms}
    for turn in range(repeats + 1):
        for name in forms:
            start = time.perf_counter()
            FORMS[name](*arguments)
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def held(field):
    """KiB of this process, now or at its peak (Linux)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def measure_memory(form):
    """Prints the MiB of one run beyond what this process holds after a tiny one."""
    if form in ("ours", "library"):
        tiny, arguments = (np.zeros((8, 8, 3), np.uint8),), (pictures()["coffee"],)
    else:
        regions, features = merging_problem()
        tiny, arguments = (regions[:8, :8], features), (regions, features)
    FORMS[form](*tiny)
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak starts anew from what is held now
    before = held("VmRSS")
    FORMS[form](*arguments)
    print((held("VmHWM") - before) / 1024)


def memory(form):
    if not os.path.exists("/proc/self/clear_refs"):
        return float("nan")
    call = [sys.executable, __file__, "--memory", form]
    return float(subprocess.run(call, check=True, capture_output=True, text=True).stdout.split()[-1])


def images_each_second(workers, count=32):
    """Throughput of spawned processes that are warm."""
    images = list(pictures().values())[:2] * (count // 2)
    with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(felzenszwalb, images[: 4 * workers]))
        start = time.perf_counter()
        list(pool.map(felzenszwalb, images, chunksize=2))
        return count / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description="Superpixels: ours beside the library's.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--memory", choices=FORMS, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.memory:
        return measure_memory(settings.memory)
    repeats = max(settings.repeats, 5)
    answer = compare_superpixels(repeats) | compare_merging(repeats)
    answer["peak_mebibytes"] = {form: round(memory(form), 1) for form in FORMS}
    print("peak MiB: " + ", ".join(f"{form} {size}" for form, size in answer["peak_mebibytes"].items()))
    rates = {str(count): round(images_each_second(count), 2) for count in sorted({1, os.cpu_count() or 1})}
    print("images each second: " + ", ".join(f"{rate} by {count} process(es)" for count, rate in rates.items()))
    print(json.dumps(answer | {"images_each_second": rates}))


def compare_superpixels(repeats):
    answer = {"ratio": 0.0, "identical": True}
    print(f"superpixels, {ROWS} x {COLUMNS}, k 75, sigma 0.8, least 75; median of {repeats}")
    print("last two columns: adjusted Rand index against the tool's walk, 1 where the divisions are the same")
    print(f"{'image':<10} {'regions':>7} {'ours, s':>8} {'library, s':>10} {'ratio':>6} {'ours':>7} {'library':>8}")
    for name, image in pictures().items():
        truth, ours, theirs = edge_by_edge(image), felzenszwalb(image), library(image)
        seconds = alternate(("ours", "library"), (image,), repeats)
        ratio = seconds["ours"] / seconds["library"]
        print(f"{name:<10} {ours.max() + 1:>7} {seconds['ours']:>8.4f} {seconds['library']:>10.4f} {ratio:>6.2f} "
              f"{rand_index(ours, truth):>7.4f} {rand_index(theirs, truth):>8.4f}")
        answer["identical"] &= bool(np.array_equal(ours, truth))
        if name in PHOTOGRAPHS:
            answer["ratio"] = max(answer["ratio"], ratio)
    return answer


def compare_merging(repeats):
    regions, features = merging_problem()
    seconds = alternate(("merging", "plain"), (regions, features), repeats)
    ratio = seconds["merging"] / seconds["plain"]
    same = bool(np.array_equal(our_merging(regions, features), plain_merging(regions, features)))
    print(f"\nmerging {regions.max() + 1} to {REGIONS}: ours {seconds['merging']:.4f} s, "
          f"plain {seconds['plain']:.4f} s, ratio {ratio:.3f}, same map: {same}")
    return {"merge_ratio": ratio, "merge_identical": same}


def rand_index(ids, truth):
    """Adjusted Rand index of two maps: 1 is the same division, 0 what chance gives."""
    table = np.bincount(ids.ravel().astype(np.int64) * (truth.max() + 1) + truth.ravel())
    pairs = [float((count * (count - 1.0) / 2).sum()) for count in (table, np.bincount(ids.ravel()),
                                                                    np.bincount(truth.ravel()))]
    chance = pairs[1] * pairs[2] / (ids.size * (ids.size - 1.0) / 2)
    return (pairs[0] - chance) / ((pairs[1] + pairs[2]) / 2 - chance)


if __name__ == "__main__":
    main()

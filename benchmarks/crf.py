"""The dense CRF beside pydensecrf2, the program it replaces.

    python benchmarks/crf.py [--repeats 7] [--images FOLDER]

321 x 481, ten iterations, Gaussian 3/3 and bilateral 80/13/10, from coarse scores of 3 and 21 classes, on two
photographs (scikit-image's own, or the first two of a folder) and on noise, whose lattice is the worst: nearly every
pixel has lattice points of its own. Both programs may use all cores; pydensecrf2 uses one. It is given its arrays as
it wants them, ours are converted inside the measured call. Runs alternate in one process; the median counts. Peak
memory is that of a fresh process, in all and beyond its peak after a tiny run. The floor is what ten iterations must
read and write, each array once a product, over the measured bandwidth. Aims: ratio at most 1 on photographs for 3 and
21 classes, at most 1.5 on noise for 21; arg-max equal on 99.9 % of pixels; a batch of 8 images in less time than 8
calls of pydensecrf2 in two processes.

Forms tried, milliseconds, two cores of an AMD EPYC with AVX-512, 21 November 2026, TensorFlow 2.21. Other work shared
the cores, so each figure is the least of 7 to 13 runs. One filter is splat, blur and slice of both kernels; what is
made once an image, beyond the lattices, stands beside it:

    one filter                                             photograph        noise             once an image
                                                           3       21        3       21        photograph  noise
    unique ids and segment sums                            62      167       89      193       -           -
    sorted runs (entries sorted by lattice point once)     29       70       58      133       117         101
    compressed sparse product, TensorFlow's own kernel     110     132       362     -         10          100
      the same, classes filled up to 8 and 24              15       23       145     -         10          100
    compressed sparse product, oneDNN's kernel (chosen)    6        11       20       67       43          112

    lattices of both kernels                               photograph        noise
    every pixel's corners told apart by their keys         63                297
    cells (same place and order) first (chosen)            34                210

Filling up is what the layer does, for a server does not ask for oneDNN's kernel; `dense_crf` asks and does not fill.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

try:
    from pydensecrf.densecrf import DenseCRF2D
except ImportError:
    DenseCRF2D = None

ROWS, COLUMNS, ITERATIONS, BATCH = 321, 481, 10, 8
CLASSES = (3, 21)
CORNERS = 3 + 6                 # of a pixel's simplex in both lattices


def photographs(folder):
    """Two photographs, uint8."""
    if folder is None:
        import skimage.data

        return {name: np.ascontiguousarray(getattr(skimage.data, name)()[:ROWS, :COLUMNS])
                for name in ("astronaut", "coffee")}
    from PIL import Image

    paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))[:2]
    if len(paths) < 2:
        sys.exit(f"{folder} holds {len(paths)} photographs (.jpg, .png); expected two or more")
    return {path.stem: np.array(Image.open(path).convert("RGB").resize((COLUMNS, ROWS))) for path in paths}


def noise():
    return np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)


def scores(classes, rows=ROWS, columns=COLUMNS, seed=1):
    """-log probability `(row, column, class)` of coarse maps, as a network of output stride 16 gives them."""
    logits = np.random.default_rng(seed).normal(0, 2, (22, 32, classes))
    down = np.maximum(0, 1 - np.abs(np.linspace(0, 21, rows)[:, None] - np.arange(22)))
    across = np.maximum(0, 1 - np.abs(np.linspace(0, 31, columns)[:, None] - np.arange(32)))
    logits = np.einsum("ri,ijk,cj->rck", down, logits, across, optimize=True)
    return (np.log(np.exp(logits).sum(axis=-1, keepdims=True)) - logits).astype(np.float32)


def ours(unary, image):
    from tfwsss.layers.dense_crf import dense_crf

    return dense_crf(unary, image, iterations=ITERATIONS)


def theirs(planes, image):
    """`planes` is float32 `(class, pixel)`; so is the result."""
    crf = DenseCRF2D(image.shape[1], image.shape[0], len(planes))
    crf.setUnaryEnergy(planes)
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=80, srgb=13, compat=10, rgbim=image)
    return np.array(crf.inference(ITERATIONS))


def as_planes(unary):
    return np.ascontiguousarray(unary.reshape(-1, unary.shape[-1]).T)


def alternate(forms, repeats):
    """Medians of the seconds of each form, runs taking turns, after one run each that does not count."""
    taken = {name: [] for name in forms}
    for turn in range(repeats + 1):
        for name, form in forms.items():
            start = time.perf_counter()
            form()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def compare(image, classes, repeats):
    """Median seconds of each program and the share of pixels with equal arg-max."""
    unary = scores(classes)
    planes = as_planes(unary)
    if not DenseCRF2D:
        return alternate({"ours": lambda: ours(unary, image)}, repeats), None
    equal = ours(unary, image).argmax(axis=-1).ravel() == theirs(planes, image).argmax(axis=0)
    forms = {"ours": lambda: ours(unary, image), "theirs": lambda: theirs(planes, image)}
    return alternate(forms, repeats), float(equal.mean())


def bandwidth():
    """Bytes a second that both cores read and write together."""
    import tensorflow as tf

    values = tf.zeros([2**26])
    work = tf.function(lambda x: x + 1)
    return 8 * 2**26 / alternate({"add": lambda: work(values)}, 5)["add"]


def lattice_points(image):
    import tensorflow as tf

    from tfwsss.ops import mean_field

    image, settings = tf.constant(image, tf.float32), mean_field.Settings()
    lattices = mean_field.gaussian_lattice(tf.shape(image), settings), mean_field._bilateral_lattice(image, settings)
    return sum(int(lattice.before.shape[1]) for lattice in lattices)


def traffic(points, classes):
    """Bytes of all iterations: per pixel two products and the softmax, per lattice point six blurs."""
    pixel = 2 * 8 * CORNERS + 4 * classes * 5       # entries; values to and from the products, costs, marginals
    blurs = 6 * (3 * 8 + 2 * 4 * classes)
    return ITERATIONS * (ROWS * COLUMNS * pixel + points * (blurs + 2 * 4 * classes))


def compare_batch(images, repeats):
    """Seconds of a batch of ours and of as many calls of pydensecrf2 in two processes, arrays sent beforehand."""
    classes = CLASSES[-1]
    unary, image = np.stack([scores(classes, seed=k) for k in range(BATCH)]), np.stack(images * (BATCH // 2))
    if not DenseCRF2D:
        return alternate({"ours": lambda: ours(unary, image)}, repeats)
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), keep, (images,)) as pool:
        return alternate({"ours": lambda: ours(unary, image),
                          "theirs": lambda: list(pool.map(kept_call, range(BATCH)))}, repeats)


KEPT = []


def keep(images):           # in each worker, so that only the calls are measured
    KEPT.extend((as_planes(scores(CLASSES[-1], seed=k)), images[k % 2]) for k in range(BATCH))


def kept_call(k):
    theirs(*KEPT[k])            # the answer stays there


def measure_memory(form, kind, classes, folder):
    """Prints MiB at the peak, in all and beyond the peak after a tiny run."""
    image = noise() if kind == "noise" else next(iter(photographs(folder).values()))
    work, given = (ours, np.asarray) if form == "ours" else (theirs, as_planes)
    peaks = []
    for rows, columns in ((9, 11), (ROWS, COLUMNS)):
        work(given(scores(classes, rows, columns)), np.ascontiguousarray(image[:rows, :columns]))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024))
    print(json.dumps([round(peaks[1]), round(peaks[1] - peaks[0])]))


def memory(folder):
    """Peaks of each program; taken before this process grows, for a child's peak counts from its parent's size."""
    answer = {}
    print(f"{'image':<12} {'classes':>7} {'program':<11} {'peak MiB':>8} {'beyond a tiny run':>18}")
    for kind in ("photograph", "noise"):
        for classes in CLASSES:
            for form in ("ours", "theirs") if DenseCRF2D else ("ours",):
                call = [sys.executable, __file__, "--memory", form, kind, str(classes)]
                call += ["--images", folder] if folder else []
                done = subprocess.run(call, check=True, capture_output=True, text=True).stdout
                peak, beyond = json.loads(done.splitlines()[-1])
                answer[f"{form}_{kind}_{classes}"] = beyond
                print(f"{kind:<12} {classes:>7} {form:<11} {peak:>8} {beyond:>18}")
    return answer


def main():
    parser = argparse.ArgumentParser(description="Dense CRF: ours beside pydensecrf2.")
    parser.add_argument("--repeats", type=int, default=7, help="at least five")
    parser.add_argument("--images", metavar="FOLDER", help="take the first two photographs there, resized")
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.memory:
        return measure_memory(settings.memory[0], settings.memory[1], int(settings.memory[2]), settings.images)
    if not DenseCRF2D:
        print("pydensecrf2 is not installed (pip install 'tfwsss[crf]', needs a C++ compiler): ours alone is measured")
    peaks = memory(settings.images)
    answer = run(photographs(settings.images), max(settings.repeats, 5))
    print(json.dumps(answer | {"peak_mebibytes": peaks}))


def run(pictures, repeats):
    """Prints the tables and returns the answer."""
    speed, ratios, shares = bandwidth(), {}, []
    print(f"\ndense CRF, {ROWS} x {COLUMNS}, {ITERATIONS} iterations; median of {repeats}; {os.cpu_count()} cores, "
          f"{speed / 1e9:.1f} GB/s")
    print(f"{'image':<12} {'classes':>7} {'lattice':>8} {'ours, s':>8} {'theirs':>8} {'ratio':>6} {'floor, s':>8} "
          f"{'equal arg-max':>13}")
    for name, image in (pictures | {"noise": noise()}).items():
        points = lattice_points(image)
        for classes in CLASSES:
            seconds, share = compare(image, classes, repeats)
            ratio = seconds["ours"] / seconds["theirs"] if DenseCRF2D else float("nan")
            key = f"ratio_noise_{classes}" if name == "noise" else f"ratio_{classes}"
            ratios[key] = max(ratio, ratios.get(key, 0.0))         # the worse photograph counts
            shares.append(share)
            print(f"{name:<12} {classes:>7} {points:>8} {seconds['ours']:>8.3f} {seconds.get('theirs', ratio):>8.3f} "
                  f"{ratio:>6.2f} {traffic(points, classes) / speed:>8.3f} {share if share else ratio:>13.7f}")
    seconds = compare_batch(list(pictures.values()), repeats)
    ratios["ratio_batch"] = seconds["ours"] / seconds["theirs"] if DenseCRF2D else float("nan")
    print(f"\nbatch of {BATCH}, {CLASSES[-1]} classes: ours {seconds['ours']:.3f} s, pydensecrf2 in two processes "
          f"{seconds.get('theirs', float('nan')):.3f} s, ratio {ratios['ratio_batch']:.2f}")
    answer = {name: round(ratio, 4) if DenseCRF2D else None for name, ratio in ratios.items()}
    answer["agreement"] = min(shares) if DenseCRF2D else None
    if DenseCRF2D:
        met = (max(answer[key] for key in ("ratio_3", "ratio_21", "ratio_batch")) <= 1
               and answer["ratio_noise_21"] <= 1.5 and answer["agreement"] >= 0.999)
        print(f"\naims: {'met' if met else 'MISSED'}")
    return answer


if __name__ == "__main__":
    main()

"""Random walk by local affinities beside the dense N × N form it replaces.

    python benchmarks/random_walk.py [--repeats 7]

Both forms are given affinities (ours the 34 values of each position, the dense form the sharpened N × N matrix ready
made) and 21 planes, and normalise, walk 256 steps and return the planes; the dense form squares the matrix eight times.
Runs alternate in one process; the median counts. Peak memory is measured in a fresh process for each size, beyond what
the process held before the run. Floors: ratio at most 0.1, difference from float64 at most 1e-5.

Forms of the product tried at 47 × 63, 21 planes, seconds on two cores of an AMD EPYC with AVX-512, 20 November 2026,
TensorFlow 2.21: 100 products on the idle machine (median of seven), and alternating runs while other work shared the
cores (median of nine; 96 products are the shortened sum of 256 steps):

    form                                                        100, idle   256, shared   96, shared
    cells of 4 × 4: one gather, one batched product (chosen)    0.018       0.081         0.031
    cells of 4 × 8                                              0.025       0.115         0.043
    cells of 8 × 8                                              0.041       0.185         0.069
    shifted multiply-adds compiled by XLA                       0.029       0.099         0.039
    compressed sparse product, SciPy                            0.067       0.175         0.065
    compressed sparse product, TensorFlow                       0.130       0.633         0.235
    shifted multiply-adds, plain graph                          0.112       0.827         0.312

XLA would compile anew (0.6 s) for every image size and must be linked into the server, so it is not used.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import scipy.ndimage  # noqa: E402
import tensorflow as tf  # noqa: E402
from turns import held  # noqa: E402

from tfwsss.ops.affinity import feature_affinity  # noqa: E402
from tfwsss.ops.offsets import half_disc, pair_mask  # noqa: E402
from tfwsss.ops.random_walk import random_walk  # noqa: E402

OFFSETS, SHARPNESS, DOUBLINGS, CLASSES = half_disc(5), 8.0, 8, 21
SIZES = ((47, 63), (56, 56))
MEMORY_SIZES = {"ours": ((47, 63), (94, 126), (188, 250), (375, 500)), "dense": ((24, 32), (47, 63), (66, 90))}


def problem(rows, columns):
    """Planes and affinities of a map of smooth regions with noise: neither all alike nor all apart."""
    rng = np.random.default_rng(rows)
    smooth = scipy.ndimage.gaussian_filter(rng.standard_normal((rows, columns, 16)), (3, 3, 0)) * 8
    features = (smooth + 0.1 * rng.standard_normal(smooth.shape))[None].astype("float32")
    affinity = feature_affinity(features, OFFSETS) * pair_mask(rows, columns, OFFSETS)
    planes = (rng.random((1, rows, columns, CLASSES)) ** 4).astype("float32")
    return tf.constant(planes), tf.constant(affinity)


def sharpened_matrix(affinity):
    """The dense form's input: symmetric, unit diagonal, float64."""
    rows, columns, _ = affinity.shape
    row, column = np.mgrid[:rows, :columns]
    matrix = np.eye(rows * columns)
    for k, (dy, dx) in enumerate(OFFSETS):
        inside = (row + dy < rows) & (column + dx >= 0) & (column + dx < columns)
        begin = (row * columns + column)[inside]
        end = begin + dy * columns + dx
        matrix[begin, end] = matrix[end, begin] = affinity[inside, k].astype("float64") ** SHARPNESS
    return matrix


@tf.function(reduce_retracing=True)
def ours(planes, affinity):
    return random_walk(planes, affinity, OFFSETS, SHARPNESS, 2**DOUBLINGS)


@tf.function(reduce_retracing=True)
def dense_tensorflow(planes, matrix):
    power = matrix / tf.reduce_sum(matrix, axis=0)
    for _ in range(DOUBLINGS):
        power = tf.matmul(power, power)
    return tf.matmul(power, tf.reshape(planes, (-1, CLASSES)), transpose_a=True)


def dense_numpy(planes, matrix):
    power = matrix / matrix.sum(axis=0)
    for _ in range(DOUBLINGS):
        power = power @ power
    return power.T @ planes.reshape(-1, CLASSES)


def compare(rows, columns, repeats):
    """Median seconds of each form and the largest difference of each from float64."""
    planes, affinity = problem(rows, columns)
    exact = sharpened_matrix(affinity[0].numpy())
    expected = dense_numpy(planes.numpy().astype("float64"), exact)
    matrix = exact.astype("float32")
    given, flat = tf.constant(matrix), planes.numpy()
    forms = {"ours": lambda: ours(planes, affinity).numpy(), "dense_numpy": lambda: dense_numpy(flat, matrix),
             "dense_tensorflow": lambda: dense_tensorflow(planes, given).numpy()}
    seconds = {name: [] for name in forms}
    difference = {name: float(np.abs(form().reshape(expected.shape) - expected).max()) for name, form in forms.items()}
    for _ in range(repeats):
        for name, form in forms.items():
            start = time.perf_counter()
            form()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}, difference


def measure_memory(form, rows, columns):
    """Prints the MiB that one run needs at its peak beyond what was held before, and its seconds."""
    walk = {"ours": ours, "dense": dense_tensorflow}[form]
    small, near = problem(8, 8)
    walk(small, near if form == "ours" else tf.constant(sharpened_matrix(near[0].numpy()), tf.float32))
    planes, affinity = problem(rows, columns)
    if form == "dense":
        affinity = tf.constant(sharpened_matrix(affinity[0].numpy()), tf.float32)
    before = held("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")                                     # the peak starts anew from what is held now
    start = time.perf_counter()
    walk(planes, affinity).numpy()
    print(json.dumps({"mebibytes": held("VmHWM") - before, "seconds": time.perf_counter() - start}))


def in_fresh_process(form, rows, columns):
    call = [sys.executable, __file__, "--memory", form, str(rows), str(columns)]
    answer = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    return json.loads(answer.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description="Random walk: ours beside the dense form.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--memory", nargs=3, metavar=("FORM", "ROWS", "COLUMNS"), help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.memory:
        return measure_memory(settings.memory[0], *map(int, settings.memory[1:]))
    worst = {"ratio": 0.0, "difference": 0.0}
    print(f"walk of {2**DOUBLINGS} steps, {CLASSES} planes, {len(OFFSETS)} offsets; median of {settings.repeats}")
    print(f"{'grid':>9} {'form':<17} {'seconds':>9} {'ours / it':>9} {'from float64':>13}")
    for rows, columns in SIZES:
        seconds, difference = compare(rows, columns, settings.repeats)
        for name, taken in seconds.items():
            print(f"{rows:>5}x{columns:<3} {name:<17} {taken:>9.4f} {seconds['ours'] / taken:>9.4f} "
                  f"{difference[name]:>13.1e}")
        worst["ratio"] = max(worst["ratio"], seconds["ours"] / seconds["dense_tensorflow"])
        worst["difference"] = max(worst["difference"], difference["ours"])
    print(f"\n{'grid':>9} {'form':<6} {'positions':>9} {'peak MiB':>9} {'bytes / position':>17} {'first run, s':>12}")
    for form, sizes in MEMORY_SIZES.items():
        for rows, columns in sizes:
            found = in_fresh_process(form, rows, columns)
            each = found["mebibytes"] * 2**20 / (rows * columns)
            print(f"{rows:>5}x{columns:<3} {form:<6} {rows * columns:>9} {found['mebibytes']:>9.1f} {each:>17.0f} "
                  f"{found['seconds']:>12.3f}")
    met = worst["ratio"] <= 0.1 and worst["difference"] <= 1e-5
    print(f"\nfloors: ratio <= 0.1 against the same framework, difference <= 1e-5: {'met' if met else 'MISSED'}")
    print(json.dumps(worst))


if __name__ == "__main__":
    main()

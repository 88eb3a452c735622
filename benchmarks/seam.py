"""Seconds of SEAM's training step beside PyTorch, and of its refined maps; one process, all cores.

    python benchmarks/seam.py [--repeats 3] [--sides 448] [--batch 1] [--width 1] [--no-maps]

A step is that of an image and its copy at 0.3 of the size: ResNet-38 with its frozen first blocks and norms, class
maps, pixel correlation, all four terms of the loss, gradients of what learns, and the optimiser. PyTorch (CPU; `pip
install torch`, left out where it is missing) does the same arithmetic as the release does, with the whole matrix of
correlations. Both see the same noise; the step's numbers are compared in tests, not here. Steps of both take turns, so
that a machine that slows down slows both.

Maps are pixel correlations alone, of 20 classes and 192 features at the positions of a photograph of 375 x 500 pixels
at twice its size: in blocks of 1024 positions, as stages make them, and with the whole matrix. The floor is operations
over rate: two a multiply-add, over the rate of a large matrix product on this machine.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from seam_torch import torch_step  # noqa: E402
from turns import imported_torch, rate, walls  # noqa: E402

from tfwsss.backbones.resnet38 import resnet38  # noqa: E402
from tfwsss.layers.pixel_correlation import PixelCorrelation  # noqa: E402
from tfwsss.models.seam import HEADS, SEAM  # noqa: E402
from tfwsss.training.optimizers import SGD  # noqa: E402

CLASSES, FEATURES, GRID = 20, 192, (94, 125)
RANDOM = np.random.default_rng(0)


def batch(side: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of noise that show classes 0 and 1."""
    labels = np.zeros((count, CLASSES), "float32")
    labels[:, :2] = 1
    return RANDOM.uniform(0, 255, (count, side, side, 3)).astype("float32"), labels


def our_step(image: np.ndarray, labels: np.ndarray, width: float):
    model = SEAM(resnet38(width=width), CLASSES)
    model.compile(SGD(0.01, 5e-4, coupled_decay=5e-4, multipliers=dict.fromkeys(HEADS, 10.0)), jit_compile=False)
    return lambda: model.train_on_batch({"image": image}, {"labels": labels})


def training(sides: list[int], count: int, width: float, repeats: int) -> dict:
    torch, result = imported_torch(), {}
    print(f"{'training step':<28} {'seconds':>9} {'PyTorch':>9} {'ratio':>7}")
    for side in sides:
        data = batch(side, count)
        calls = {"ours": our_step(*data, width), **({"torch": torch_step(torch, *data, width)} if torch else {})}
        taken = walls(calls, repeats)
        ratio = {"ratio": taken["ours"] / taken["torch"]} if torch else {}
        beside = f"{taken['torch']:>9.3f} {ratio['ratio']:>7.3f}" if torch else f"{'-':>9} {'-':>7}"
        print(f"{f'{count} images of {side} pixels':<28} {taken['ours']:>9.3f} {beside}", flush=True)
        result[f"step_{side}"] = {name: round(value, 4) for name, value in {**taken, **ratio}.items()}
        del calls
        keras.utils.clear_session()
    return result


def maps(repeats: int) -> dict:
    """Correlation alone, in blocks and as a whole."""
    fastest, cells = rate()[0], GRID[0] * GRID[1]
    q, f = (tf.constant(RANDOM.random((1, *GRID, size)).astype("float32")) for size in (CLASSES, FEATURES))
    reads = {"blocks": PixelCorrelation(), "whole": PixelCorrelation(block=cells)}
    calls = {name: tf.function(read.__call__, autograph=False) for name, read in reads.items()}
    taken = walls({name: lambda call=call: call(q, f).numpy() for name, call in calls.items()}, repeats)
    floor = cells**2 * (FEATURES + CLASSES + 1) / fastest
    print(f"refined maps, {cells} positions: {taken['blocks']:.3f} s in blocks, {taken['whole']:.3f} s whole; floor "
          f"{floor:.3f} s at {fastest / 1e9:.0f} G multiply-adds a second")
    return {f"maps_{name}": round(value, 4) for name, value in {**taken, "floor": floor}.items()}


def main():
    parser = argparse.ArgumentParser(description="SEAM: training step beside PyTorch, refined maps beside their floor.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sides", type=int, nargs="*", default=[448])
    parser.add_argument("--batch", type=int, default=1)
    # below 0.25 gradients of strided 1x1 kernels crash on CPUs: uxlfoundation/oneDNN 6035
    parser.add_argument("--width", type=float, default=1.0,
                        help="factor of the channels, to try this program out; at least 0.25")
    parser.add_argument("--no-maps", action="store_true")
    settings = parser.parse_args()
    result = training(settings.sides, settings.batch, settings.width, settings.repeats)
    if not settings.no_maps:
        result |= maps(settings.repeats)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

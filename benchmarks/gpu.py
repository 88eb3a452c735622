"""Images a second on a GPU, by JAX alone: training, class maps, the dense CRF and the walk, beside the card's peak.

    python benchmarks/gpu.py [--rows vgg16 resnet38 maps crf walk] [--batch 16] [--steps 20] [--wheels FOLDER]

Needs Python 3.11 and JAX with its GPU, and no TensorFlow and no data set: images are random numbers. What else is
missing (Keras, h5py) goes into an environment beside JAX's own, which takes about a minute; `--wheels` installs from a
folder that `pip download keras h5py --dest FOLDER` has filled elsewhere, where the machine reaches no index. On a
machine without a GPU add `--small`: tiny networks, which show that all of it runs and no speed.

    vgg16      steps of DeepLab-LargeFOV on VGG-16 at 321 pixels, 21 ids: forward, loss, backward, SGD
    resnet38   steps of AffinityNet's classifier on ResNet-38 at 448 pixels, 20 classes
    maps       class maps of that classifier, forward alone, 448 pixels
    crf        the fully connected CRF at 321 x 321, 21 ids, 10 iterations, its sums over all pairs of pixels exact, in
               blocks: what the lattice of TensorFlow's graph approximates
    walk       the random walk at 56 x 56, radius 5, 256 steps, 20 classes

Each row with float32 (by TensorFloat-32, as JAX multiplies on such cards if `--tf32` is given) and, of the networks,
mixed float16. Operations are XLA's count of the forward pass, times three for a step; of the CRF two for each pair,
class and iteration. Share is that of the card's dense peak at that precision. Medians of the steps after the first
three; a step is waited for before the next begins.

Not run on a GPU yet.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {"keras": "keras>=3.15,<3.16", "h5py": "h5py>=3.12"}
PEAKS = {"H100": {"float32": 67e12, "tf32": 495e12, "float16": 989e12},      # dense, SXM, as NVIDIA publishes them
         "H200": {"float32": 67e12, "tf32": 495e12, "float16": 989e12},
         "A100": {"float32": 19.5e12, "tf32": 156e12, "float16": 312e12},
         "L4": {"float32": 30.3e12, "tf32": 60e12, "float16": 121e12},
         "T4": {"float32": 8.1e12, "tf32": 8.1e12, "float16": 65e12}}
"""Operations a second of cards, by a word of their name."""

ROWS = ("vgg16", "resnet38", "maps", "crf", "walk")
WARM = 3


def main():
    """Measures the rows that were asked for; prints a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    prepare(options.wheels)
    os.environ["KERAS_BACKEND"] = "jax"
    sys.path.insert(0, str(ROOT))
    graph = sys.modules["tfwsss.ops.mean_field"] = types.ModuleType("tfwsss.ops.mean_field")
    graph.Settings = tuple                                   # the layer of TensorFlow's CRF only names it here
    import jax
    import keras

    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if options.tf32 else "highest")
    card = jax.devices()[0].device_kind
    print(f"{card}, JAX {jax.__version__}, Keras {keras.__version__}, ready in {time.perf_counter() - start:.0f} s")
    print(f"{'row':<10} {'precision':<10} {'images/s':>10} {'ms/step':>9} {'TFLOP/s':>9} {'of peak':>8}")
    found = []
    for row in options.rows:
        for precision in ("float32", "float16") if row in ROWS[:3] else ("float32",):
            found.append(measured(row, precision, card, options))
    print(json.dumps(found))
    return 0


def prepare(wheels):
    """Starts this program again in an environment that has what is missing, unless nothing is."""
    missing = [wanted for name, wanted in NEEDED.items() if importlib.util.find_spec(name) is None]
    if not missing:
        return
    home = ROOT / ".venv-gpu"
    if Path(sys.prefix) == home:
        sys.exit(f"error: {', '.join(missing)} could not be installed into {home}; delete it and try again")
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", str(home)], check=True)
    python = home / "bin" / "python"
    source = ["--no-index", "--find-links", str(wheels)] if wheels else []
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *source, *missing])
    if done.returncode:
        sys.exit("error: no package index answers; fill a folder elsewhere by `pip download keras h5py --dest FOLDER`, "
                 "bring it here, and add --wheels FOLDER")
    os.execv(python, [python, *sys.argv])


def measured(row, precision, card, options):
    """Runs one row; returns and prints what it took."""
    import keras

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy("mixed_float16" if precision == "float16" else "float32")
    step, images, operations = MAKERS[row](options)
    seconds = []
    for _ in range(WARM + options.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[WARM:])
    kind = "tf32" if options.tf32 and precision == "float32" else precision
    peak = next((peaks[kind] for word, peaks in PEAKS.items() if word in card), None)
    rate = operations / median
    share = f"{rate / peak:.1%}" if peak else "-"
    print(f"{row:<10} {kind:<10} {images / median:>10.1f} {1000 * median:>9.2f} {rate / 1e12:>9.2f} {share:>8}",
          flush=True)
    return {"row": row, "precision": kind, "images_per_second": images / median, "seconds": median, "flops": rate,
            "peak": peak, "card": card}


def forward(model, images):
    """Returns a compiled forward pass that waits for its result, and XLA's count of its operations."""
    import jax

    def work(trained, fixed, x):
        return model.stateless_call(trained, fixed, x, training=False)[0]

    weights = [[variable.value for variable in group]
               for group in (model.trainable_variables, model.non_trainable_variables)]
    compiled = jax.jit(work).lower(*weights, images).compile()
    cost = compiled.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    return lambda: jax.block_until_ready(compiled(*weights, images)), cost.get("flops", 0.0)


def training(model, x, y):
    """Returns one step of training, as `fit` takes it, and its operations."""
    from tfwsss.training.optimizers import SGD

    model.compile(SGD(1e-4, momentum=0.9, coupled_decay=5e-4))
    return lambda: model.train_on_batch(x, y), 3 * forward(model, x)[1]


def random_images(options, side):
    """Returns a batch of square images, float32 `(batch, side, side, 3)`, 0-255."""
    import numpy as np

    side = 65 if options.small else side
    return np.random.default_rng(0).uniform(0, 255, (options.batch, side, side, 3)).astype(np.float32)


def backbone(options, name, **form):
    """Builds a backbone without weights of a training."""
    from tfwsss.backbones.build import build_backbone

    return build_backbone("small", width=0.25) if options.small else build_backbone(name, **form)


def of_vgg16(options):
    """DeepLab-LargeFOV in training."""
    import numpy as np

    from tfwsss.models.segmenter import Segmenter

    images, ids = random_images(options, 321), 21
    model = Segmenter(backbone(options, "vgg16", fc6_dilation=12), ids, width=32 if options.small else 1024)
    masks = np.random.default_rng(1).integers(0, ids, images.shape[:3]).astype(np.int32)
    step, operations = training(model, {"image": images}, {"mask": masks})
    return step, len(images), operations


def _classifier(options):
    from tfwsss.models.classifier import Classifier

    return Classifier(backbone(options, "resnet38"), CLASSES), {"image": random_images(options, 448)}


def of_resnet38(options):
    """AffinityNet's classifier in training."""
    import numpy as np

    model, x = _classifier(options)
    labels = np.random.default_rng(1).integers(0, 2, (options.batch, CLASSES)).astype(np.float32)
    step, operations = training(model, x, {"labels": labels})
    return step, options.batch, operations


def of_maps(options):
    """Class maps of whole images."""
    from tfwsss.models.classifier import class_maps

    model, x = _classifier(options)
    step, operations = forward(class_maps(model), x["image"])
    return step, options.batch, operations


def of_crf(options):
    """The CRF of one image."""
    import jax
    import numpy as np
    from exact_crf import operations, sharpened

    random, side, ids = np.random.default_rng(0), 33 if options.small else 321, 21
    unary = -np.log(random.dirichlet(np.ones(ids), (side, side))).astype(np.float32)
    image = random.uniform(0, 255, (side, side, 3)).astype(np.float32)
    work = jax.jit(sharpened)
    return lambda: jax.block_until_ready(work(unary, image)), 1, operations(side * side, ids)


def of_walk(options):
    """The walk of one image's class maps."""
    import jax
    import numpy as np

    from tfwsss.ops.offsets import half_disc
    from tfwsss.ops.random_walk import random_walk

    random, side, near = np.random.default_rng(0), 16 if options.small else 56, half_disc(5)
    planes = random.uniform(0, 1, (1, side, side, CLASSES)).astype(np.float32)
    affinity = random.uniform(0, 1, (1, side, side, len(near))).astype(np.float32)
    compiled = jax.jit(lambda *arrays: random_walk(*arrays, near)).lower(planes, affinity).compile()
    cost = compiled.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    return lambda: jax.block_until_ready(compiled(planes, affinity)), 1, cost.get("flops", 0.0)


CLASSES = 20
MAKERS = {"vgg16": of_vgg16, "resnet38": of_resnet38, "maps": of_maps, "crf": of_crf, "walk": of_walk}

if __name__ == "__main__":
    sys.exit(main())

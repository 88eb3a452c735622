"""Images a second of `predict`, beside an earlier version of this package and beside the bare network.

A run with MobileNetV2 and random weights makes masks of photographs of about 320 pixels: by its segmentation network
with one view, with three scales and mirror images, with the dense CRF, with both, and from class maps with three scales
and mirror images. Each figure is that of whole calls, JPEG files to PNG masks and overlays; loading and tracing are
taken out by a second call with few images:

    rate = (many - few) / (seconds(many) - seconds(few))

`--before FOLDER` names a checkout of an earlier version; both versions run in processes of their own, one after the
other, `--repeats` times. The bare network is the same network applied to ready batches of the same sizes, scales and
mirror images, nothing else; that is the floor.

    python benchmarks/predict.py --images photographs --before ../before

The last line is JSON: for each row images a second, the ratio to the earlier version and the share of the bare
network's rate, medians. Needs an idle machine; the figures are in the README.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
SCALES = [1.0, 0.75, 1.25]
ROWS = {
    "one view": ("masks", {"scales": [1.0], "mirror": False, "crf": {"iterations": 0}}),
    "three scales, mirrored": ("masks", {"scales": SCALES, "mirror": True, "crf": {"iterations": 0}}),
    "CRF": ("masks", {"scales": [1.0], "mirror": False, "crf": {"iterations": 5, "position_deviation": 30.0}}),
    "both": ("masks", {"scales": SCALES, "mirror": True, "crf": {"iterations": 5, "position_deviation": 30.0}}),
    "class maps": ("cam_masks", {"canvas": 321, "scales": SCALES, "mirror": True, "batch_size": 8}),
}
CLASSES = ["background", *(f"class {number}" for number in range(1, 11))]
FEW, BATCH = 8, 4


def write_run(folder: Path, row: str) -> None:
    """Writes a run folder with random weights, for one row's settings; `folder/models` is shared."""
    stage, settings = ROWS[row]
    section = "cam" if stage == "cam_masks" else "masks"
    config = {"method": "affinitynet", "data": {"kind": "folder", "root": "."}, section: settings,
              "cam_masks": {"threshold": 0.3},
              "given": {name: str(folder.parent / "models" / name) for name in ("classifier", "segmenter")}}
    record = {"method": "affinitynet", "config": config, "versions": {}, "classes": CLASSES, "images": {}}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(record))


def write_models(folder: Path) -> None:
    """Makes the networks: a classifier and a segmenter on MobileNetV2."""
    import keras

    from tfwsss.backbones.mobilenet_v2 import mobilenet_v2
    from tfwsss.models.classifier import Classifier
    from tfwsss.models.segmenter import Segmenter

    keras.utils.set_random_seed(0)
    networks = {"classifier": Classifier(mobilenet_v2(), len(CLASSES) - 1),
                "segmenter": Segmenter(mobilenet_v2(), len(CLASSES), head="parallel")}
    for name, network in networks.items():
        (folder / name).mkdir(parents=True)
        network.save(folder / name / "model.keras")


def write_images(folder: Path, source: Path | None, count: int) -> None:
    """Links photographs, or draws pictures of usual shapes where none are given."""
    folder.mkdir()
    if source is not None:
        for path in sorted(source.rglob("*.jpg"))[:count]:
            (folder / path.name).symlink_to(path.resolve())
        return
    from tfwsss.saved_model.sample import sample_image

    for number in range(count):
        size = ((240, 320), (320, 240), (213, 320))[number % 3]
        (folder / f"{number:04d}.jpg").write_bytes(sample_image(*size))


def child(images: Path, run: Path, stage: str) -> None:
    """Prints the seconds of a call with few images and of one with all, after one that warms up."""
    try:
        from tfwsss.methods.predict import predict
    except ImportError:                                                       # before the rooms of today
        from tfwsss.prediction import predict
    few, seconds = run.parent / "few", []
    for source in (few, few, images):
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            predict(source, run, Path(out), None, stage)
            seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds[1:]))


def bare_rate(images: Path, models: Path, row: str) -> float:
    """Returns images a second of the bare network, on ready batches of a row's sizes, scales and mirror images."""
    import keras
    import numpy as np
    import tensorflow as tf
    from PIL import Image

    from tfwsss.inference.see import stride_of
    from tfwsss.models.classifier import class_maps
    from tfwsss.models.segmenter import logit_maps

    stage, settings = ROWS[row]
    take, name = (class_maps, "classifier") if stage == "cam_masks" else (logit_maps, "segmenter")
    network = take(keras.saving.load_model(models / name / "model.keras", compile=False))
    stride, run = stride_of(network), tf.function(lambda x: network(x, training=False), autograph=False)
    sizes = [Image.open(path).size[::-1] for path in sorted(images.iterdir())]
    if stage == "cam_masks":
        sizes = [(settings["canvas"],) * 2] * len(sizes)
    shapes = []
    for (rows, columns), count in collections.Counter(sizes).items():
        for start in range(0, count, BATCH):
            number = min(BATCH, count - start) * (2 if settings["mirror"] else 1)
            for scale in settings["scales"]:
                sides = [max(1, round(-(-(side - 1) // stride) * scale)) * stride + 1 for side in (rows, columns)]
                shapes.append((number, *sides, 3))
    ready = {shape: tf.constant(np.random.default_rng(0).uniform(0, 255, shape), tf.float32) for shape in set(shapes)}
    for batch in ready.values():
        run(batch)
    start = time.perf_counter()
    for shape in shapes:
        next(iter(run(ready[shape]).values())).numpy()
    return len(sizes) / (time.perf_counter() - start)


def by_itself(package: Path, *arguments) -> str:
    """Runs this file with one version of the package in a process of its own; returns what it printed last."""
    environment = {**os.environ, "PYTHONPATH": str(package.resolve()), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run([sys.executable, __file__, *map(str, arguments)], env=environment, text=True,
                          capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.strip().splitlines()[-1]


def rate_of(package: Path, images: Path, run: Path, stage: str, count: int) -> float:
    """Returns images a second of one version."""
    few, all_of_them = json.loads(by_itself(package, "--child", images, run, stage))
    return (count - FEW) / (all_of_them - few)


def main() -> None:
    """Measures all rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of photographs; by default pictures are drawn")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--before", type=Path, help="checkout of an earlier version")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        write_models(options.make)
        print("made")
        return
    if options.child:
        child(Path(options.child[0]), Path(options.child[1]), options.child[2])
        return
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        by_itself(options.before or HERE, "--make", base / "models")        # files that both versions read
        write_images(base / "images", options.images, options.count)
        (base / "few").mkdir()
        paths = sorted((base / "images").iterdir())
        for path in paths[:: max(1, len(paths) // FEW)][:FEW]:
            (base / "few" / path.name).symlink_to(path.resolve())
        for number, row in enumerate(options.rows):
            write_run(base / f"run {number}", row)
            found = {"ours": [], "before": [], "bare": []}
            for _ in range(options.repeats):
                for name, package in (("ours", HERE), ("before", options.before)):
                    if package is not None:
                        found[name].append(rate_of(package, base / "images", base / f"run {number}",
                                                   ROWS[row][0], len(paths)))
                found["bare"].append(bare_rate(base / "images", base / "models", row))
            rates = {name: statistics.median(values) for name, values in found.items() if values}
            results[row] = {name: round(value, 2) for name, value in rates.items()}
            results[row]["share of bare"] = round(rates["ours"] / rates["bare"], 3)
            if "before" in rates:
                results[row]["ratio"] = round(rates["ours"] / rates["before"], 3)
            print(row, results[row], flush=True)
    print(json.dumps({"cores": os.cpu_count(), "images": options.count, **results}))


if __name__ == "__main__":
    main()

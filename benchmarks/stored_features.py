"""Seconds of an epoch of a segmentation network's and of ICD's training, behind a frozen network and on its features.

    python benchmarks/stored_features.py [--backbone dinov2_small] [--images 32] [--crop 225] [--width 256]
        [--head parallel]

Both train the same heads on the same noise with random weights of the backbone. The first epoch, which traces, does not
count; what the features take once is told beside.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from tfwsss.artefacts.masks import write_mask  # noqa: E402
from tfwsss.artefacts.regions import write_regions  # noqa: E402
from tfwsss.backbones.build import build_backbone  # noqa: E402
from tfwsss.data.image_set import ImageSet  # noqa: E402
from tfwsss.methods.icd import training  # noqa: E402
from tfwsss.methods.icd.config import ICDSettings  # noqa: E402
from tfwsss.palette import voc_palette  # noqa: E402
from tfwsss.runs.stage import Context  # noqa: E402
from tfwsss.steps import segmenter  # noqa: E402
from tfwsss.steps.segmenter import SegmenterSettings  # noqa: E402

CLASSES = ("background", "cat", "dog", "cow")


def noise(folder: Path, count: int, side: int) -> ImageSet:
    """Writes photographs of noise with masks and regions."""
    random, names = np.random.default_rng(0), tuple(f"{place}" for place in range(count))
    (folder / "images").mkdir()
    images = {name: folder / "images" / f"{name}.jpg" for name in names}
    for name, path in images.items():
        Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(path)
        write_mask(folder / "pseudo", name, random.integers(0, 4, (side, side), np.uint8), voc_palette())
        write_regions(folder / "regions", name, np.arange(side * side, dtype=np.int32).reshape(side, side) // 500)
    return ImageSet(names, folder, CLASSES, voc_palette(), images, dict.fromkeys(names, (0, 1)), {})


def epoch_seconds(model: keras.Model, data, steps: int) -> float:
    """Seconds of the second and third of three epochs, each."""
    marks = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: marks.append(time.perf_counter()))
    model.fit(data, epochs=3, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[watch])
    return (marks[-1] - marks[0]) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="dinov2_small")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--crop", type=int, default=225)
    parser.add_argument("--width", type=int, default=256, help="of both heads")
    parser.add_argument("--head", default="largefov", help="of the segmentation network; 'parallel' has no width")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = noise(folder, options.images, options.crop)
        build_backbone(options.backbone).save_weights(folder / "trunk.weights.h5")
        common = {"backbone": {"name": options.backbone, "initial": folder / "trunk.weights.h5"}, "epochs": 3,
                  "batch_size": 8, "crop": options.crop, "scales": (1.0,), "mirror": False, "optimizer": "adam",
                  "longer_side": (options.crop, options.crop), "head_factor": 1.0, "bias_factor": 1.0}
        inputs, steps = {"pseudo": folder / "pseudo", "regions": folder / "regions"}, options.images // 8
        for what in ("segmenter", "icd"):
            row = {"network": what, "backbone": options.backbone, "images": options.images, "crop": options.crop,
                   "width": options.width, "head": options.head}
            for key, stored in (("in_loop_s", None), ("stored_s", folder / f"{what} features")):
                start = time.perf_counter()
                if what == "segmenter":
                    settings = SegmenterSettings(**common, head=options.head, width=options.width, stored=stored)
                    model = segmenter._build(settings, None, Context(), inputs, images)
                    row[f"{key[:-2]}_build_s"] = round(time.perf_counter() - start, 1)
                    data = segmenter._batches(settings, "pseudo", Context(), inputs, images, 0)
                else:
                    settings = ICDSettings(**common, head_width=options.width, stored=stored)
                    model = training.build(settings, Context(), inputs, images)
                    row[f"{key[:-2]}_build_s"] = round(time.perf_counter() - start, 1)
                    data = training.batches(settings, Context(), inputs, images, 0)
                row[key] = round(epoch_seconds(model, data, steps), 2)
            print(json.dumps({**row, "faster": round(row["in_loop_s"] / row["stored_s"], 1)}))


if __name__ == "__main__":
    main()

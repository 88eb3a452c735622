"""Images a second of AffinityNet's stages at the published sizes, one process, all cores.

    python benchmarks/affinitynet.py [--repeats 3] [--backbone vgg16] [--side 448]

Networks have random weights and see noise: their speed does not depend on either; the CRF sees a smooth picture of its
own, since noise is its worst case. Training steps are of one image, with gradients of all that learns. The floor of the
networks is operations over rate: two a multiply-add, over the rate of a large matrix product on this machine.

The original's time for the walk alone, with its dense matrix, on two cores: 2.31 s (56 x 56 positions). Its other
stages have no published times.
"""

import argparse
import functools
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from tfwsss.artefacts.scores import Scores  # noqa: E402
from tfwsss.backbones.build import build_backbone  # noqa: E402
from tfwsss.inference.decide.walk import decide_by_walk  # noqa: E402
from tfwsss.inference.kept import KeptRule  # noqa: E402
from tfwsss.layers.random_walk import RandomWalk  # noqa: E402
from tfwsss.models.affinity import AffinityNet  # noqa: E402
from tfwsss.models.classifier import Classifier, class_maps  # noqa: E402
from tfwsss.settings.sections import CRFSettings  # noqa: E402
from tfwsss.steps.confident_labels import sure_pixels, two_marginals  # noqa: E402
from tfwsss.steps.crf import crf_from_scores  # noqa: E402
from tfwsss.steps.random_walk import WalkSettings, build_walker  # noqa: E402

SCALES = (1.0, 0.5, 1.5, 2.0)
DENSE_WALK = 2.31                                               # seconds, original program, 56 x 56 positions
WORK = {"vgg16": 96e9, "resnet38": 399e9}                       # multiply-adds of the trunk at 448 x 448 pixels
RANDOM = np.random.default_rng(0)


def median(call, repeats):
    """Seconds of a call; the first one, which traces, does not count."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def noise(*shape):
    return RANDOM.uniform(0, 255, shape).astype("float32")


def picture(rows, columns):
    """Smooth patches, as photographs have, uint8."""
    coarse = RANDOM.uniform(0, 255, (1, 6, 8, 3)).astype("float32")
    smooth = tf.image.resize(coarse, (rows, columns), method="bicubic")[0] + RANDOM.normal(0, 6, (rows, columns, 3))
    return tf.cast(tf.clip_by_value(smooth, 0, 255), tf.uint8).numpy()


def blobs(rows, columns, classes):
    """Class maps with one hill each."""
    y, x = np.mgrid[0:rows, 0:columns]
    hills = [np.exp(-((y - rows * a) ** 2 + (x - columns * b) ** 2) / (0.03 * rows * columns))
             for a, b in RANDOM.uniform(0.2, 0.8, (classes, 2))]
    return Scores(np.arange(classes, dtype=np.int32), np.stack(hills).astype(np.float32), (rows, columns))


def rate():
    """Multiply-adds a second of a large matrix product."""
    one = tf.constant(noise(2048, 2048))
    return 2048**3 / median(lambda: tf.matmul(one, one).numpy(), 5)


def stages(name, side):
    """Stage to a call that treats one image, and the multiply-adds of its network, where it is one."""
    form = {"form": "affinitynet"} if name == "vgg16" else {}
    classifier = Classifier(build_backbone(name, **form), 20, root=bool(form))
    classifier.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=False)
    x, tags = {"image": noise(1, side, side, 3)}, {"labels": np.eye(20, dtype="float32")[:1]}
    network = class_maps(classifier)
    sizes = [round(side * scale) for scale in SCALES]
    pairs = [np.concatenate([image, image[:, :, ::-1]]) for image in (noise(1, size, size, 3) for size in sizes)]
    wide = {"fc6_dilation": 4} if form else {}
    affinity = AffinityNet(build_backbone(name, **form, **wide), group_norm=bool(form))
    affinity.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=False)
    walker = build_walker(affinity, WalkSettings())
    spread = KeptRule(functools.partial(decide_by_walk, walker, 16.0, 1), ("cam",), image=True)
    image, cam, crf = picture(side, side), blobs(side, side, 2), crf_from_scores(CRFSettings())
    grid = -(-side // walker.stride)
    mask = {"mask": RANDOM.integers(0, 3, (1, grid, grid)).astype("int32")}
    planes, affinities = (tf.constant(RANDOM.uniform(0, 1, (1, grid, grid, count)).astype("float32"))
                          for count in (21, 34))
    walk = tf.function(RandomWalk())
    passes = 2 * sum(scale**2 for scale in SCALES)
    work = WORK.get(name, 0) * (side / 448) ** 2
    return {
        "classifier, training step": (lambda: classifier.train_on_batch(x, tags), 3 * work),
        "class maps, 4 scales, mirrored": (lambda: [network.predict_on_batch(pair) for pair in pairs], passes * work),
        "labels, two CRFs, 2 classes": (
            lambda: sure_pixels(two_marginals(image, cam, (4.0, 32.0), 1, crf), cam.classes), None),
        "affinity, training step": (lambda: affinity.train_on_batch(x, mask), 3 * work),
        "affinities and walk, 2 classes": (lambda: spread({"cam": cam}, image), work),
        "walk alone, 21 planes": (lambda: walk(planes, affinities).numpy(), None),
    }


def main():
    parser = argparse.ArgumentParser(description="Images a second of AffinityNet's stages.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--backbone", default="vgg16", choices=("vgg16", "resnet38", "mobilenet_v2", "small"))
    parser.add_argument("--side", type=int, default=448)
    settings = parser.parse_args()
    fastest = rate()
    print(f"{settings.backbone}, {settings.side} x {settings.side} pixels, {os.cpu_count()} cores, "
          f"{fastest / 1e9:.0f} G multiply-adds a second at best; median of {settings.repeats}")
    print(f"{'stage':<34} {'seconds':>9} {'images/s':>9} {'floor, s':>9}")
    seconds = {}
    for stage, (call, work) in stages(settings.backbone, settings.side).items():
        seconds[stage] = median(call, settings.repeats)
        floor = f"{work / fastest:9.2f}" if work else f"{'-':>9}"
        print(f"{stage:<34} {seconds[stage]:>9.3f} {1 / seconds[stage]:>9.3f} {floor}", flush=True)
    result = {stage: round(value, 4) for stage, value in seconds.items()}
    print(json.dumps({**result, "walk_ratio": round(seconds["walk alone, 21 planes"] / DENSE_WALK, 4)}))


if __name__ == "__main__":
    main()

"""Seconds of CLIP-ES' class maps and masks of one photograph at CLIP ViT-B/16's real size, beside the floor.

    python benchmarks/clip_es.py [--repeats 3] [--size 375 500] [--tags 1 2 5] [--width 1]

The weights are random: they change no time. "maps" is what the stage `maps` does of an image: all blocks but the last,
then the last one, back through it once for each tag, and the spread by attention; "trunk" is the first part alone.
"mask" adds the dense CRF of 21 classes. The floor is operations over rate: two a multiply-add, over the rate of a large
matrix product on this machine; a way back counts as two forward.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from tfwsss.backbones.vit import FORMS, ViTForm  # noqa: E402
from tfwsss.inference.decide.clip import decide_by_words, word_maps  # noqa: E402
from tfwsss.inference.decide.decision import scores_of_all  # noqa: E402
from tfwsss.inference.see import Seer  # noqa: E402
from tfwsss.inference.sharpen import sharpen_arrays  # noqa: E402
from tfwsss.inference.views import Picture  # noqa: E402
from tfwsss.methods.clip_es.config import Config  # noqa: E402
from tfwsss.models.clip_maps import ClipMaps  # noqa: E402
from tfwsss.steps.scored_crf import confident_crf  # noqa: E402
from tfwsss.steps.word_maps import WordMapSettings, word_network  # noqa: E402

CLASSES, BACKGROUNDS, CHANNELS = 20, 25, 512
RANDOM = np.random.default_rng(0)


def seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median(call, repeats: int) -> float:
    """Median seconds; the first call, which traces, does not count."""
    call()
    return statistics.median(seconds(call) for _ in range(repeats))


def picture(size: tuple[int, int]) -> np.ndarray:
    """Patches of colour, a little noise: the lattice of the CRF hangs on colours, and pure noise is its worst case."""
    patches = tf.image.resize(RANDOM.integers(0, 256, (12, 16, 3)).astype("float32"), size, "bicubic").numpy()
    return (patches + RANDOM.normal(0, 4, patches.shape)).clip(0, 255).astype(np.uint8)


def rate() -> float:
    """Multiply-adds a second of a large matrix product."""
    one = tf.constant(RANDOM.normal(size=(2048, 2048)).astype("float32"))
    return 2048**3 / median(lambda: tf.matmul(one, one).numpy(), 5)


def operations(form: ViTForm, size: tuple[int, int], tags: int) -> dict[str, float]:
    """Multiply-adds of the trunk, and of what follows it."""
    tokens, width = -(-size[0] // form.patch) * -(-size[1] // form.patch) + 1, form.block.width
    block = 12 * tokens * width**2 + 2 * tokens**2 * width
    patches = (tokens - 1) * 3 * form.patch**2 * width
    return {"trunk": patches + (form.depth - 1) * block, "last": block * (1 + 2 * tags) + tokens**3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(375, 500))
    parser.add_argument("--tags", type=int, nargs="+", default=(1, 2, 5))
    parser.add_argument("--width", type=float, default=1.0, help="factor of the channels, for a quick look")
    options = parser.parse_args()
    form, size = FORMS["clip_b16"].narrowed(options.width), tuple(options.size)
    model = ClipMaps(form.get_config(), list(map(str, range(CLASSES + BACKGROUNDS))), CLASSES, CHANNELS)
    look, rule = word_network(model, WordMapSettings())
    seer, image = Seer(*look), picture(size)[None]
    make = tf.function(lambda seen, classes: word_maps(rule, seen, classes).spread, autograph=False)
    decide = tf.function(lambda seen, classes, shown: scores_of_all(
        decide_by_words(rule, 1.0, seen, Picture(size, size), classes), shown, CLASSES + 1), autograph=False)
    crf, per_second = confident_crf(Config(method="clip_es").pseudo), rate()
    trunk = median(lambda: [maps.numpy() for maps in seer(image).values()], options.repeats)

    for tags in options.tags:
        classes = tf.range(tags)
        shown = tf.range(CLASSES) < tags

        def maps(classes=classes):
            return make({key: each[0] for key, each in seer(image).items()}, classes).numpy()

        def mask(classes=classes, shown=shown):
            scores = decide({key: each[0] for key, each in seer(image).items()}, classes, shown).numpy()
            return sharpen_arrays(crf, scores, scores.argmax(-1), image[0], CLASSES + 1)

        counted = operations(form, size, tags)
        row = {"size": size, "tags": tags, "trunk_s": trunk, "maps_s": median(maps, options.repeats),
               "mask_s": median(mask, options.repeats), "floor_s": sum(counted.values()) / per_second,
               "multiply_adds_G": sum(counted.values()) / 1e9, "rate_G": per_second / 1e9}
        print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}))


if __name__ == "__main__":
    main()

"""Images a second of `fit` beside forward and backward of the bare network, and where the rest goes.

    python benchmarks/train.py [--rows icd/mobilenet_v2 cian/vgg16 ...] [--data FOLDER] [--turns 5]

A row is a train stage: ICD, classifier, AffinityNet, segmenter or CIAN, with MobileNetV2 at 225 pixels (settings of
configs/*_animals.yaml) or VGG-16 at 321 (the published settings, small batches). The stage itself builds model,
batches and callbacks; this program catches them at `fit`, so images come from JPEG files, and losses, optimiser and
callbacks are those of a run. Weights are random.

The floor is backbone and head on a ready batch in one `tf.function`: gradients of the mean of the outputs for all that
learns. Between its own steps `fit` is halted again and again and the other forms run some steps, so that all share
what else the machine does; the first steps after each halt do not count, since batches have piled up. Medians over the
turns. Processor time is that of all threads of the process.

    network        the floor                  loading        reading and decoding alone
    losses         forward, losses and        augmentation   batches alone, less loading
                   backward, less the floor   callbacks      between two steps of fit
    superpixels    part of the losses (ICD)   rest           what fit takes beyond network, losses, optimiser, input
    optimiser      a step on a ready batch,                  and callbacks; below 0 where input runs beside the network
                   less the two before        epoch's end    checkpoint, panels and records, seconds

Aim: `fit` at 0.7 of the floor or more. Two cores of an AMD EPYC with AVX-512, 28 November 2026, TensorFlow 2.21, VOC's
animals at 320 pixels; other work shared the cores (8 to 13 processes), so processor time tells more than wall. Images a
second of `fit` and of the floor, their ratio, and that of processor time:

    MobileNetV2, 225 pixels   fit     floor   ratio   processor     VGG-16, 321    fit    floor   ratio   processor
    icd                       32.4    34.2    0.95    0.93                         0.86   0.90    0.96    0.97
    classifier                31.0    32.1    0.97    0.97                         1.18   1.15    1.03    0.98
    affinity                  10.0    12.0    0.84    0.76                         1.25   1.31    0.96    0.95
    segmenter                 36.0    46.0    0.78    0.85                         0.97   1.00    0.98    0.98
    cian                      27.0    29.7    0.91    0.90                         0.86   0.88    0.98    0.98

The rows are of several runs. One of AffinityNet and one of CIAN with MobileNetV2 fell to 0.55 and 0.69 of wall time,
when others took the cores in the middle of a turn; of processor time it was 0.77 and 0.96 there.

The network is nearly all there is: of ICD's 49 ms of processor time an image 46 are convolutions, their gradients and
the frozen norms; superpixels take 0.1, the optimiser 0.5, input 2.3, callbacks 0.03. AffinityNet with MobileNetV2 pays
for 34 neighbours of every position, in its gradient both ways: 25 to 30 ms of 150. What was taken out (processor ms):

    segmenter's wide scores: space to batch, then 7 columns    440 -> 67 a step of 16: one product, shifts
    segmenter's entropy and accuracy, id by id                 5.9 -> 2.5 an image: planes
    AffinityNet's neighbours: slices, stacked                  42 -> 24 to 31 an image: one gather
    masks: each pixel's colour looked up                       2.4 -> 1.3 an image: each colour

Without gain: neighbours by groups of offsets; no memory maps for large tensors (nothing is given back to the system).
"""

import argparse
import json
import logging
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from training_clock import Clock, First, Last, median, timed  # noqa: E402
from training_rows import (  # noqa: E402
    METHODS,
    artefacts_of,
    bare_network,
    files,
    folder_of_images,
    handed_to_fit,
    settings_of,
)

from tfwsss.data import images as decoders  # noqa: E402

BATCHES = {"mobilenet_v2": {}, "vgg16": {"icd": 2, "classifier": 2, "affinity": 2, "segmenter": 2, "cian": 1}}
READ = {"icd": ("regions",), "classifier": (), "affinity": ("marginals",), "segmenter": ("masks",), "cian": ("masks",)}


def forms(row, model, batch):
    """Form to a call that runs one step of it on a ready batch."""
    x, y = batch
    network, learning = bare_network(row, model), model.trainable_variables

    @tf.function
    def bare():
        with tf.GradientTape() as tape:
            outputs = network(x["image"], training=True).values()
            loss = sum(tf.reduce_mean(tf.cast(output, tf.float32)) for output in outputs)
        return loss, [g for g in tape.gradient(loss, learning) if g is not None]

    @tf.function
    def losses():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        return loss, tape.gradient(loss, learning)

    ready = iter(tf.data.Dataset.from_tensors(batch).repeat())
    found = {"network": lambda: bare()[0].numpy(), "losses": lambda: losses()[0].numpy(),
             "step": lambda: float(model.train_function(ready)["loss"])}
    if row == "icd":
        scores = model(x, training=False)["corrected"]
        layer = tf.function(model.get_layer("icd_refined"))
        found["superpixels"] = lambda: layer(scores, x["regions"], x["labels"]).numpy()
    return found


def measure_input(dataset, seconds):
    """Seconds of one batch of an input alone."""
    iterator = iter(dataset)
    for _ in range(2):
        next(iterator)
    clock, taken = Clock(), []
    while not taken or clock.read()[0] < seconds:
        taken.append(timed(lambda: next(iterator), 1))
    return clock.read(len(taken))


def loading(row, images, folders, batch_size):
    """Batches of files that are read and decoded, nothing else."""
    decode = {"image": decoders.decode_image, "regions": decoders.decode_regions,
              "masks": lambda contents: decoders.decode_mask(contents, images.palette),
              "marginals": lambda contents: tf.io.decode_png(contents, channels=1, dtype=tf.uint16)}

    def element(paths):
        return [tf.shape(decode[key](tf.io.read_file(path)))[0] for key, path in paths.items()]

    data = tf.data.Dataset.from_tensor_slices(files(images, folders, READ[row])).repeat()
    return data.map(element, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)


def measure(row, backbone, images, folders, settings, root):
    """Wall and processor milliseconds an image of each part; the number of images of a step."""
    keras.backend.clear_session()
    values = settings_of(row, backbone, settings.batch or BATCHES[backbone].get(row))
    model, dataset, arguments = handed_to_fit(row, values, images, folders, root)
    batch = next(iter(dataset))
    size = getattr(values, METHODS[row][1]).images_per_batch
    inputs = median([measure_input(dataset, settings.seconds) for _ in range(3)])
    loads = median([measure_input(loading(row, images, folders, size), settings.seconds) for _ in range(3)])
    first = First()
    watching = arguments["callbacks"]
    last = Last(first, watching, lambda: forms(row, model, batch), settings.turns, settings.seconds)
    arguments |= {"epochs": 1, "steps_per_epoch": None, "callbacks": [first, *watching, last]}
    model.fit(dataset, **arguments)
    found = {name: median(pairs) for name, pairs in last.found.items()} | {"input": inputs, "loading": loads}
    return {name: tuple(1000 * value / size for value in pair) for name, pair in found.items()}, size


def split(found, kind):
    """Milliseconds an image of the parts of `fit`: wall (0) or processor (1)."""
    time_of = {name: pair[kind] for name, pair in found.items()}
    parts = {"network": time_of["network"], "losses": time_of["losses"] - time_of["network"],
             "superpixels": time_of.get("superpixels", 0.0), "optimiser": time_of["step"] - time_of["losses"],
             "loading": time_of["loading"], "augmentation": time_of["input"] - time_of["loading"],
             "callbacks": time_of["callbacks"]}
    rest = time_of["fit"] - sum(parts.values()) + parts["superpixels"]
    return {"fit": time_of["fit"], **parts, "rest": rest}


def main():
    parser = argparse.ArgumentParser(description="Images a second of fit beside the bare network.")
    known = [f"{row}/{backbone}" for backbone in BATCHES for row in METHODS]
    parser.add_argument("--rows", nargs="+", choices=known, default=known, metavar="ROW", help=", ".join(known))
    parser.add_argument("--data", help="folder with images, labels.csv and masks; else images are drawn")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each form in a turn, at least a step")
    parser.add_argument("--batch", type=int, help="images (or groups) of a step, in place of the settings'")
    settings = parser.parse_args()
    logging.getLogger("tfwsss").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        compare(settings, Path(folder))


def compare(settings, root):
    """Measures and prints all rows."""
    images = folder_of_images(settings.data, settings.images, root / "images")
    folders = artefacts_of(images, root)
    print(f"{len(images.names)} images, {os.cpu_count()} cores, {len(tf.config.list_physical_devices('GPU'))} GPUs; "
          f"median of {settings.turns} turns of {settings.seconds} s")
    answer = {}
    for chosen in settings.rows:
        row, backbone = chosen.split("/")
        found, size = measure(row, backbone, images, folders, settings, root / backbone)
        (wall, cpu), (floor, floor_cpu) = found["fit"], found["network"]
        answer[chosen] = {"ratio": round(floor / wall, 3), "ratio_of_processor_time": round(floor_cpu / cpu, 3)}
        print(f"\n{chosen}, {size} images a step: fit {1000 / wall:.2f} images/s, bare network {1000 / floor:.2f}, "
              f"ratio {floor / wall:.2f} (of processor time {floor_cpu / cpu:.2f}), "
              f"epoch's end {found['end'][0] * size / 1000:.2f} s")
        tables = [split(found, kind) for kind in (0, 1)]
        print(f"{'ms an image':<12}" + "".join(f"{name:>13}" for name in tables[0]))
        for name, parts in zip(("wall", "processor"), tables, strict=True):
            print(f"{name:<12}" + "".join(f"{value:>13.2f}" for value in parts.values()), flush=True)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

"""How `--config auto` sets trainings: backbone, crop, batch, epochs by steps."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from tfwsss.settings.auto.facts import Asked, Choices, Facts

BACKBONE = "mobilenet_v2"
"""Taken where no other is named."""

MANY = 1000
"""From so many images on batches are as large as measured."""


class Fit(NamedTuple):
    """What is measured of a training.

    Args:
        steps: times the fifth root of the number of images: how many steps it takes.
        batch: images of a step where there are many.
        least: epochs, however many images there are.
        learnt: keys with MobileNetV2 and its ImageNet weights.
        why: of some of these keys.
    """

    steps: float
    batch: int
    least: int
    learnt: Mapping[str, Any]
    why: Mapping[str, str] = {}


_PLAIN = {"optimizer": "adam", "learning_rate": 2e-4, "schedule": "step", "head_factor": 1.0, "bias_factor": 1.0,
          "weight_decay": 0.0, "jitter": [], "scatter": False}
_TAGS = {**_PLAIN, "backbone.learning_norm": "all", "dropout": 0.0}

FITS: Mapping[str, Fit] = {
    "icd": Fit(88, 32, 4, {**_PLAIN, "backbone.tap": "block_13_expand_relu", "head_width": 256}, {
        "backbone.tap": "later layers see the whole picture everywhere, so no direction parts it"}),
    "classifier": Fit(97.5, 16, 3, _TAGS),
    "seam": Fit(97.5, 16, 3, _TAGS),
    "affinity": Fit(130, 8, 2, {**_PLAIN, "backbone.output_stride": 8, "border": "full"}),
    "segmenter": Fit(120, 16, 3, {**_PLAIN, "head": "parallel", "head_factor": 5.0, "normaliser": "batch"}),
}
"""Trainings by their section. Of 1,500 photographs of 320 pixels they give `configs/icd_animals.yaml` and
`configs/affinitynet_animals.yaml`, whose figures are measured; of the built-in set about its own settings."""


def fit_of(asked: Asked, section: str) -> Choices:
    """Chooses the settings of a training.

    Args:
        asked: method, images, machine, and what is set.
        section: of the training.

    Yields:
        Key within the section, value, reason.
    """
    name = asked.backbone(section).get("name", BACKBONE)
    if name == BACKBONE:
        yield from _network(asked, section)
    yield "crop", _crop(asked.facts), _crop_in_words(asked.facts)
    if section == "seam" and name == BACKBONE:
        yield "copy_scale", _copy_scale(_crop(asked.facts)), "copies whose corners lie on positions"
    yield from _sizes(asked.facts, section)
    yield from _length(asked, section)


def _network(asked: Asked, section: str) -> Choices:
    """MobileNetV2, and how it learns."""
    yield "backbone.name", BACKBONE, "learns in minutes without a graphics card"
    files = [own["initial"] for other in FITS if (own := asked.backbone(other)).get("initial")
             and own.get("name", BACKBONE) == BACKBONE]
    if files and "initial" not in asked.backbone(section):
        yield "backbone.initial", str(files[0]), "as the other network's"
    fit = FITS[section]
    for key, value in fit.learnt.items():
        yield key, value, fit.why.get(key, "measured with MobileNetV2 and its ImageNet weights")


def _sizes(facts: Facts, section: str) -> Choices:
    """Sizes in which photographs are seen in training; affinities are learnt, as used, of photographs as they are."""
    if section == "affinity":
        return
    if facts.reduced:
        low, high = (0.75, 1.0) if facts.inspection else (0.75, 1.25)
        yield "longer_side", [round(low * facts.seen), round(high * facts.seen)], \
            f"photographs of {facts.long} pixels, reduced"
        return
    yield "longer_side", None, "photographs are seen at their own size"
    if facts.inspection:
        yield "scales", [0.75, 0.875, 1.0], "never larger than the crop"
    else:
        yield "scales", [0.75, 1.0, 1.25], "larger and smaller copies"


def _length(asked: Asked, section: str) -> Choices:
    """Batch, and epochs by the number of steps."""
    fit, facts, given = FITS[section], asked.facts, asked.given.get(section) or {}
    batch = given.get("batch_size", _batch(fit, facts))
    yield "batch_size", batch, f"{facts.images} images" + (f" on {facts.gpus} devices" if facts.gpus > 1 else "")
    of_epoch, wanted = max(1, facts.images // batch), round(fit.steps * facts.images ** 0.2)
    epochs = given.get("epochs", max(fit.least, round(wanted / of_epoch)))
    yield "epochs", epochs, f"{epochs * of_epoch} steps; {facts.images} images want about {wanted}, and " \
        f"{fit.least} epochs at least"
    if section == "icd" and epochs > 16:
        yield "warm_up_epochs", round(epochs / 8, 1), "an eighth of the epochs"


def _copy_scale(crop: int) -> float:
    return math.ceil(1000 * (16 * (crop // 32) + 1) / crop) / 1000


def _crop(facts: Facts) -> int:
    """Returns the side of a crop, corners on positions 16 pixels apart."""
    return 16 * math.ceil(facts.seen / 16) + 1 if facts.inspection else 16 * round(0.7 * facts.seen / 16) + 1


def _crop_in_words(facts: Facts) -> str:
    if facts.inspection:
        return f"whole images of {facts.seen} pixels: a crop may miss the place that the tag is about"
    return f"0.7 of the side at which photographs are seen, {facts.seen} pixels"


def _batch(fit: Fit, facts: Facts) -> int:
    """Returns the images of a step, a multiple of the number of devices."""
    wanted = fit.batch if facts.images >= MANY else min(16, fit.batch) if facts.images >= 64 else 8
    if facts.images < 8:
        wanted = 4
    each = max(1, facts.gpus)
    return each * math.ceil(wanted / each)

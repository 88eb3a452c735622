"""The stages from tags to class maps and their masks, for every method that begins with a classifier."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.scores import Scores
from tfwsss.backbones.build import build_backbone
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.methods import maps
from tfwsss.models.classifier import Classifier, class_maps
from tfwsss.refine.seeds import strongest_class
from tfwsss.refine.upsample import upsample
from tfwsss.runs.stages import Inputs, Stage, infer, train
from tfwsss.settings.sections import RunSettings
from tfwsss.training.fitting import PANEL_THRESHOLD, FitSettings, make_optimizer, mean_colour, watchers
from tfwsss.training.tensorboard import Panel


class ClassifySettings(FitSettings):
    """Classifier and its training; the defaults are those of AffinityNet's released code with VGG-16.

    Args:
        dropout: share of the channels dropped before the class maps.
    """

    longer_side: tuple[pydantic.PositiveInt, pydantic.PositiveInt] | None = (256, 512)
    jitter: tuple[float, float, float, float] | tuple[()] = (0.3, 0.3, 0.3, 0.1)
    scatter: bool = True
    momentum: float = pydantic.Field(5e-4, ge=0.0, lt=1.0)     # released: the decay is taken for the momentum
    learning_rate: pydantic.PositiveFloat = 0.1
    schedule: Literal["epoch", "step"] = "step"
    bias_factor: pydantic.PositiveFloat = 2.0
    dropout: float = pydantic.Field(0.5, ge=0.0, lt=1.0)


class Mapper(NamedTuple):
    """A trained classifier, ready for whole images.

    Args:
        network: image `(batch, row, column, 3)` to a dictionary of maps, as `maps.score_images` takes it.
        colour: grey, or red, green, blue, round images, as in training.
        logits: key of the raw class maps, whose mean over an image is a class' logit.
    """

    network: keras.Model
    colour: float | tuple[float, float, float]
    logits: str = "position_logits"


def class_maps_of(config: Any, run: Path) -> Mapper:
    """Loads the class maps of a run that begins with a classifier.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        Mapper with "cam" and its logits.

    Raises:
        UserError: as `load_mapper`.
    """
    return load_mapper(config.given.get("classifier", run / "classifier"), ("cam", "position_logits"))


def load_mapper(folder: Path, keys: Sequence[str] = ("cam",)) -> Mapper:
    """Loads a trained classifier.

    Args:
        folder: of its stage.
        keys: of the maps to keep, see `models.classifier.class_maps`.

    Returns:
        Mapper.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    return _mapper(maps.load_model(folder, Classifier), keys)


def _mapper(model: Classifier, keys: Sequence[str]) -> Mapper:
    return Mapper(class_maps(model, keys), mean_colour(model.backbone.name))


def classifier_stage(name: str, images: ImageSet, config: RunSettings, settings: ClassifySettings) -> Stage:
    """Makes the stage that trains a classifier by tags.

    Args:
        name: of the stage.
        images: what to train on.
        config: the run's settings.
        settings: of the classifier.

    Returns:
        Stage of kind `model`, a `models.classifier.Classifier`.
    """
    return train(name, images, config, settings=settings, epochs=settings.epochs, needs=(),
                 build=functools.partial(_build, settings), batches=functools.partial(_batches, config, settings),
                 callbacks=functools.partial(_callbacks, name, config, settings))


def _build(settings: ClassifySettings, inputs: Inputs, images: ImageSet) -> Classifier:
    backbone = build_backbone(**settings.backbone.model_dump(), form="affinitynet")
    model = Classifier(backbone, images.num_classes, settings.dropout, root=settings.backbone.name == "vgg16")
    steps = steps_per_epoch(images, settings.batch_size)
    model.compile(optimizer=make_optimizer(settings, model, steps, ("fc8",)), jit_compile=False)
    return model


def _batches(config: RunSettings, settings: ClassifySettings, inputs: Inputs, images: ImageSet, first: int) -> Any:
    how = settings.augmentation(mean_colour(settings.backbone.name))
    data = training_batches(images, batch_size=settings.batch_size, how=how, seed=config.seed, epochs=settings.epochs,
                            initial_epoch=first)
    return data.map(lambda x, y: ({"image": x["image"]}, {"labels": y["labels"]}))


def _callbacks(name: str, config: RunSettings, settings: ClassifySettings, run: Path, model: Classifier,
               images: ImageSet) -> list[keras.callbacks.Callback]:
    mapper = _mapper(model, ("cam",))
    return watchers(name, config, settings, run, images, lambda fixed, image: _panel(mapper, fixed, image))


def _panel(mapper: Mapper, images: ImageSet, name: str) -> Panel:
    """Returns what a panel shows of an image: class maps, and the mask they give under a fixed threshold."""
    seen = maps.MapSettings(canvas=max(images.read_size(name)), batch_size=1)
    _, found = next(maps.score_images(mapper.network, images, [name], seen, mapper.colour))
    cam = found["cam"]
    ids, strength = strongest_class(upsample(cam.scores, cam.size, cam.covers), cam.classes)
    return {"CAM": strength}, {"CAM mask": np.where(strength > PANEL_THRESHOLD, ids, np.uint8(0))}


def map_stage(name: str, images: ImageSet, config: RunSettings, settings: maps.MapSettings, source: str) -> Stage:
    """Makes the stage that writes the class maps of whole images.

    Args:
        name: of the stage.
        images: what to make maps of.
        config: the run's settings.
        settings: canvas, scales, mirror.
        source: stage of the classifier.

    Returns:
        Stage of kind `scores`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores]]:
        mapper = load_mapper(inputs[source])
        for image, found in maps.score_images(mapper.network, images, names, settings, mapper.colour):
            yield image, found["cam"]

    return infer(name, images, config, kind="scores", settings=settings, needs=(source,), predict=predict)

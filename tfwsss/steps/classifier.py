"""The stage from tags to a classifier, for every method that begins with class maps."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import pydantic

from tfwsss.artefacts.models import load_model
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.facts import facts_of
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.inference.see import Seer
from tfwsss.inference.views import OwnSize
from tfwsss.models.classifier import Classifier, class_maps
from tfwsss.runs.stage import Context, Inputs, Stage, train
from tfwsss.settings.sections import RunSettings
from tfwsss.steps.class_maps import ClassMapNetwork, strongest_panel
from tfwsss.training.fitting import FitSettings, compiled, fit_callbacks, make_optimizer
from tfwsss.training.tensorboard import Panel


class ClassifierSettings(FitSettings):
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


def load_class_maps(folder: Path, keys: Sequence[str] = ("cam", "position_logits")) -> ClassMapNetwork:
    """Loads a trained classifier for its class maps.

    Args:
        folder: of its stage.
        keys: of the maps to keep, see `models.classifier.class_maps`.

    Returns:
        Network of class maps.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    return _class_maps(load_model(folder, Classifier), keys)


def class_maps_of(config: RunSettings, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run that begins with a classifier; there are none where its seeds are given.

    Args:
        config: the run's settings, with `given`.
        run: folder of the run.

    Returns:
        Network of class maps.

    Raises:
        UserError: as `load_class_maps`; or the run went on from maps that no network makes alone.
    """
    maps = getattr(getattr(config, "cam", None), "maps", "class")
    if maps != "class":
        raise UserError(f"{run}: was made of maps by tf-keras-vis (cam.maps={maps}), which are made of images of a run "
                        "alone; ask for --stage masks, its segmentation network")
    return load_class_maps(config.given.get("classifier", run / "classifier"))


def _class_maps(model: Classifier, keys: Sequence[str]) -> ClassMapNetwork:
    return ClassMapNetwork(class_maps(model, keys), facts_of(model.backbone.name).colour)


def classifier_stage(name: str, images: ImageSet, settings: ClassifierSettings) -> Stage:
    """Makes the stage that trains a classifier by tags.

    Args:
        name: of the stage.
        images: what to train on.
        settings: of the classifier.

    Returns:
        Stage of kind `model`, a `models.classifier.Classifier`.
    """
    return train(name, images, settings=settings, epochs=settings.epochs, needs=(),
                 build=functools.partial(_build, settings), batches=functools.partial(tag_batches, settings),
                 callbacks=functools.partial(_callbacks, name, settings))


def _build(settings: ClassifierSettings, context: Context, inputs: Inputs, images: ImageSet) -> Classifier:
    backbone = build_backbone(**settings.backbone.model_dump(), form="affinitynet")
    model = Classifier(backbone, images.num_classes, settings.dropout, root=settings.backbone.name == "vgg16")
    steps = steps_per_epoch(images, settings.batch_size)
    return compiled(model, make_optimizer(settings, model, steps, ("fc8",)))


def tag_batches(settings: ClassifierSettings, context: Context, inputs: Inputs, images: ImageSet, first: int) -> Any:
    """Returns the training batches of a classifier from an epoch on.

    Args:
        settings: of the training.
        context: seed of the run.
        inputs: not read.
        images: the usable training images.
        first: epoch to begin with.

    Returns:
        `tf.data` batches of "image" and "labels"; round small images lies the backbone's colour.
    """
    how = settings.augmentation(facts_of(settings.backbone.name).colour)
    data = training_batches(images, batch_size=settings.batch_size, how=how, seed=context.seed, epochs=settings.epochs,
                            initial_epoch=first, share=context.team.share)
    return data.map(lambda x, y: ({"image": x["image"]}, {"labels": y["labels"]}))


def _callbacks(name: str, settings: ClassifierSettings, context: Context, run: Path, model: Classifier,
               images: ImageSet) -> list[keras.callbacks.Callback]:
    seer = Seer(_class_maps(model, ("cam",)).network, OwnSize())

    def panel(fixed: ImageSet, image: str) -> Panel:
        _, found = next(seer.scores(fixed, [image]))
        return strongest_panel(found["cam"])

    return fit_callbacks(name, context, settings, run, images, panel)

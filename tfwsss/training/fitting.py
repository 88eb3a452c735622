"""What all trained stages share: settings of a fit, its augmentation, optimiser and callbacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keras
import pydantic
from keras.optimizers.schedules import LearningRateSchedule

from tfwsss.artefacts.files import finished
from tfwsss.backbones.facts import GREY, facts_of
from tfwsss.batches.augment import Augmentation
from tfwsss.data.image_set import ImageSet
from tfwsss.runs.stage import Context, Inputs
from tfwsss.settings.sections import BackboneSettings, Settings
from tfwsss.training.optimizers import DECAYED, SGD, Adam
from tfwsss.training.progress import TrainingProgress
from tfwsss.training.schedules import PolyDecay
from tfwsss.training.tensorboard import Panel, Panels, TensorBoardLogs

PANEL_THRESHOLD = 0.3
"""Share of a class map's maximum from which panels show it as object."""


class OptimizerSettings(Settings):
    """Network and optimiser of a trained stage.

    Args:
        backbone: see `settings.sections.BackboneSettings`.
        epochs, batch_size: of training; the batch is that of all devices together.
        optimizer: `sgd` with `momentum`, or `adam`.
        momentum: share of the step before that joins each step of `sgd`.
        learning_rate: of the first step; falls by the power 0.9. schedule: whether at every `epoch` or `step`.
        head_factor: times the learning rate, for the new layers. bias_factor: the same for biases and offsets.
        weight_decay: coupled; of kernels, and of those scales that the published program decays too.
    """

    backbone: BackboneSettings = BackboneSettings()
    epochs: pydantic.PositiveInt = 15
    batch_size: pydantic.PositiveInt = 16
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = pydantic.Field(0.9, ge=0.0, lt=1.0)
    learning_rate: pydantic.PositiveFloat = 1e-3
    schedule: Literal["epoch", "step"] = "epoch"
    head_factor: pydantic.PositiveFloat = 10.0
    bias_factor: pydantic.PositiveFloat = 1.0
    weight_decay: pydantic.NonNegativeFloat = 5e-4

    @property
    def images_per_batch(self) -> int:
        """Images that a step sees, of all devices together."""
        return self.batch_size


class FitSettings(OptimizerSettings):
    """Network, optimiser and augmentation of a trained stage.

    Args:
        crop: side in pixels of what the network sees.
        scales: factors, one drawn for each image. longer_side: smallest and largest length to which the longer
            side is brought, in their place.
        mirror: flip half of the images.
        jitter: largest changes of brightness, contrast, saturation (shares) and hue (turns); empty for none.
        scatter: small images lie anywhere in the crop, not at its upper left.
    """

    crop: pydantic.PositiveInt = 448
    scales: tuple[pydantic.PositiveFloat, ...] = pydantic.Field((1.0,), min_length=1)
    longer_side: tuple[pydantic.PositiveInt, pydantic.PositiveInt] | None = None
    mirror: bool = True
    jitter: tuple[float, float, float, float] | tuple[()] = ()
    scatter: bool = False

    def augmentation(self, pad_value: float | tuple[float, float, float] = GREY) -> Augmentation:
        """Returns how `batches.streams` changes training images.

        Args:
            pad_value: grey 0-255, or red, green, blue, round small images.
        """
        return Augmentation(self.crop, self.crop, self.scales, self.longer_side, self.mirror, self.jitter, pad_value,
                            self.scatter)


class HeadFitSettings(FitSettings):
    """The same of networks whose heads may be trained on kept features.

    Args:
        stored: folder in which features of whole images are kept, so that heads train without the network; of frozen
            transformers. Images are brought to `crop` and not changed otherwise: `scales`, `longer_side`, `mirror`,
            `jitter` and `scatter` are not read.
    """

    ADDED = ("stored",)

    stored: Path | None = None

    @pydantic.model_validator(mode="after")
    def _frozen_where_stored(self) -> "HeadFitSettings":
        frozen = facts_of(self.backbone.name).frozen if self.backbone.frozen is None else self.backbone.frozen
        if self.stored is not None and not frozen:
            raise ValueError(f"stored features are of a network that does not learn; freeze {self.backbone.name}")
        return self

    def augmentation(self, pad_value: float | tuple[float, float, float] = GREY) -> Augmentation:
        """Returns how training images are changed; where features are stored, they are only brought to size.

        Args:
            pad_value: grey 0-255, or red, green, blue, round small images.
        """
        if self.stored is None:
            return super().augmentation(pad_value)
        return Augmentation(self.crop, self.crop, longer_side=(self.crop, self.crop), mirror=False, pad_value=pad_value)


def make_optimizer(settings: OptimizerSettings, model: keras.Model, steps: int, heads: tuple[str, ...],
                   decayed: tuple[str, ...] = DECAYED, rate: LearningRateSchedule | None = None,
                   accumulated: int = 1, **sgd: bool) -> keras.optimizers.Optimizer:
    """Makes the optimiser that the settings describe.

    Args:
        settings: of the fit.
        model: what will be trained; many a backbone has no bias that learns.
        steps: in an epoch.
        heads: names of the new layers.
        decayed: names of the variables that decay.
        rate: schedule of the learning rate; None: polynomial decay, as the settings say.
        accumulated: steps whose mean gradient makes one change; schedules count every step.
        **sgd: of `optimizers.SGD` alone: `nesterov`, `rate_outside`.

    Returns:
        `optimizers.SGD` or `optimizers.Adam`.
    """
    rate = rate or PolyDecay(settings.learning_rate, settings.epochs, steps, every_step=settings.schedule == "step")
    factors = dict.fromkeys(heads, settings.head_factor)
    leaves = {variable.path.rpartition("/")[2] for variable in model.trainable_variables}
    if settings.bias_factor != 1:
        factors |= {leaf: settings.bias_factor for leaf in ("bias", "beta") if leaf in leaves}
    common = {"coupled_decay": settings.weight_decay, "multipliers": factors, "decayed": decayed,
              "gradient_accumulation_steps": accumulated if accumulated > 1 else None}
    if settings.optimizer == "adam":
        return Adam(rate, **common)
    return SGD(rate, momentum=settings.momentum, **common, **sgd)


def compiled(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Compiles a model for its training: steps are graphs, under TensorFlow without XLA.

    Args:
        model: with its own `compute_loss`.
        optimizer: of the training.

    Returns:
        The model.
    """
    model.compile(optimizer=optimizer, jit_compile="auto" if keras.backend.backend() == "jax" else False)
    return model


def fit_callbacks(name: str, context: Context, settings: OptimizerSettings, run: Path, images: ImageSet,
                  panel: Callable[[ImageSet, str], Panel] | None = None) -> list[keras.callbacks.Callback]:
    """Returns what shows a training: progress on the terminal, and TensorBoard with panels of fixed images.

    Of several processes the first shows it. Panels are made by TensorFlow alone.

    Args:
        name: of the stage.
        context: of the run: what is written for TensorBoard, and the configuration that it shows.
        settings: of the fit.
        run: the run's folder.
        images: the usable training images.
        panel: image set and name to maps and masks by title; None for no panels.

    Returns:
        Keras callbacks.
    """
    if not context.team.first:
        return []
    board, logs = context.tensorboard, run / "tensorboard" / name
    found: list[keras.callbacks.Callback] = [TrainingProgress(name, settings.images_per_batch)]
    if board.enabled:
        found.append(TensorBoardLogs(logs, settings.images_per_batch, context.values, profile=board.profile))
    if board.enabled and board.panels and panel and keras.backend.backend() == "tensorflow":
        step = max(1, len(images.names) // board.panels)
        fixed = images.subset(images.names[::step][: board.panels])
        found.append(Panels(logs, fixed, lambda image: panel(fixed, image)))
    return found


def finished_names(source: str, kind: str, images: ImageSet) -> Callable[[Inputs], set[str]]:
    """Returns the rule by which images can be trained on: an earlier stage has made a file of them.

    Args:
        source: the stage.
        kind: of its files.
        images: the training images.

    Returns:
        Function of a stage's inputs to names, as `runs.stage.train` takes it.
    """
    return lambda inputs: finished(inputs[source], kind, images.names)

"""What the runner gives every stage of a run beside its inputs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss.runs.team import Team
from tfwsss.settings.sections import RunSettings, TensorBoardSettings


class Context(NamedTuple):
    """What the runner gives every stage of a run.

    Args:
        seed: start of every random choice; part of what makes a result.
        workers: processes for work on single images; 0 means one a core.
        devices: number of replicas, or names of devices.
        mixed_precision: whether trainings compute in float16 where that is safe; part of what makes a model.
        tensorboard: what is written for TensorBoard.
        values: the whole configuration as JSON values, for people to read.
        team: the processes that make the run together, of which this is one.
        elsewhere: makes files of an `infer` stage in another process: stage, inputs, output and names to a message for
            each image that could not be used; None: in this one.
    """

    seed: int = 0
    workers: int = 0
    devices: int | tuple[str, ...] = 1
    mixed_precision: bool = False
    tensorboard: TensorBoardSettings = TensorBoardSettings()
    values: Mapping[str, Any] = {}
    team: Team = Team()
    elsewhere: Callable[[str, Mapping[str, Path], Path, Sequence[str]], dict[str, str]] | None = None

    @classmethod
    def of(cls, settings: RunSettings) -> "Context":
        """Returns what a run's settings say."""
        return cls(settings.seed, settings.workers, settings.devices, settings.mixed_precision, settings.tensorboard,
                   settings.model_dump(mode="json"))

"""How the processes of a run go through its stages: the first has looked at everything, the others follow it."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss import logs, methods
from tfwsss.methods.in_tensorflow import InTensorFlow
from tfwsss.methods.surveyed import look
from tfwsss.runs import data_parallel, runner
from tfwsss.runs.stage import Context, Stage
from tfwsss.runs.team import Team
from tfwsss.settings import reading
from tfwsss.settings.sections import RunSettings


def lead(stages: Sequence[Stage], settings: RunSettings, folder: Path, team: Team, as_ids: Mapping[str, Path],
         until: str | None, finished: Callable[[Stage, Path], None], ended: Callable[[], None]) -> dict[str, str]:
    """Runs the stages as the first process, once all is looked at that they read.

    Args:
        stages: of the method.
        settings: complete, for the others too.
        folder: of the run.
        team: the processes.
        as_ids: stage to the folder to read in place of the given one.
        until: last stage to run.
        finished: called with each stage and its folder once it is whole; under JAX the process of TensorFlow scores it.
        ended: called after the last stage, likewise.

    Returns:
        Message for each image that a stage could not use.
    """
    team.agree(lambda: [settings.model_dump(mode="json"), {name: str(path) for name, path in as_ids.items()}])
    with _context(settings, folder, team) as context:
        other = context.elsewhere
        scored = finished if other is None else lambda stage, output: other.score(stage.name, output)
        faults = runner.run(stages, folder, context=context, given=settings.given, read_as=as_ids, until=until,
                            finished=scored)
        ended() if other is None else other.choose_presence()
        return faults


def follow(settings: RunSettings, folder: Path, team: Team,
           until: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Runs the stages as another process: works on its parts of them.

    Args:
        settings: as this process has read them; those of the first count.
        folder: of the run.
        team: the processes.
        until: last stage to run.

    Returns:
        Nothing to tell, and no faults: the first process tells those of all.
    """
    values, as_ids = team.agree(list)
    settings = reading.build(methods.get(values["method"]).config, values, "the settings of process 0")
    with logs.told_before():
        splits, _, _ = look(settings, folder)
        stages = methods.get(settings.method).stages(settings, splits)
    with _context(settings, folder, team) as context:
        runner.run(stages, folder, context=context, given=settings.given, until=until,
                   read_as={name: Path(path) for name, path in as_ids.items()})
    return {}, {}


@contextlib.contextmanager
def _context(settings: RunSettings, folder: Path, team: Team):
    """Gives what stages are told; what TensorFlow alone computes goes to a process of its own."""
    with contextlib.closing(InTensorFlow(settings, folder)) as elsewhere:
        yield Context.of(settings)._replace(team=team, elsewhere=elsewhere if data_parallel.under_jax() else None)

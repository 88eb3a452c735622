"""From the start of a process to its end as a member of a team: how it joins, and how its failure ends the others."""

import contextlib
import os
import secrets
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tfwsss import cli
from tfwsss.artefacts.files import write_atomically
from tfwsss.errors import UserError
from tfwsss.runs import data_parallel
from tfwsss.runs.hosts import place_of
from tfwsss.runs.several import SILENCE, Several
from tfwsss.runs.team import Team


@contextlib.contextmanager
def member(folder: Path) -> Iterator[Team]:
    """Joins the processes that were started together, as the environment says, and leaves them at the end.

    A failure inside ends this process, after the others were told why: they would
    wait for it without end. What a lost process has broken here waits for the news
    of that loss, which says more.

    Args:
        folder: of the run, which all must share.

    Yields:
        The team; of a process that was started alone one of one.

    Raises:
        UserError: as `hosts.place_of` and `Several`; a back end that cannot join processes; a folder of one's own.
    """
    place = place_of(os.environ)
    data_parallel.check_backend(place)
    if place.count == 1:
        yield Team()
        return
    team = Several(place)
    try:
        team.exchange(None)                          # all are there: JAX waits for them less long
        data_parallel.join(place)
        _check_shared(team, folder)
        yield team
        team.exchange(None)                          # all are done
    except BaseException as error:
        _fail(team, error)
    team.leave()


def _check_shared(team: Team, folder: Path) -> None:
    """Refuses run folders that lie on each machine's own disk: checkpoints and files are for all."""
    name = team.agree(lambda: f".shared-{secrets.token_hex(8)}")
    if team.first:
        write_atomically(folder / name, b"")
    team.exchange(None)
    seen = team.exchange((folder / name).is_file())
    if team.first:
        (folder / name).unlink()
    if not all(seen):
        raise UserError(f"process {seen.index(False)} does not see what process 0 writes to {folder.resolve()}; name a "
                        "folder with --run that all share")


def _fail(team: Several, error: BaseException) -> None:
    """Tells the others why this process fails, and ends it."""
    if type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError"):
        time.sleep(SILENCE + 5)                      # if another one was lost, this process ends meanwhile
    team.leave(_reason(error))
    code = cli.finish(lambda: _raise(error)) if isinstance(error, UserError | OSError | KeyboardInterrupt) else 1
    if code == 1:
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)                                   # JAX would wait for the others, and they are gone


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"[:500]


def _raise(error: BaseException) -> int:
    raise error

"""One process at a time in a folder."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from tfwsss.errors import UserError


@contextlib.contextmanager
def locked(folder: Path, what: str = "run folder", option: str = "--run") -> Iterator[None]:
    """Keeps a second process out of a folder.

    Args:
        folder: of a run, or of masks; it is made where it is missing.
        what: it is called in messages.
        option: that names another one.

    Yields:
        Nothing, while no other process can enter the block with this folder.

    Raises:
        UserError: another process works in it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{what} {folder} is in use by another process; wait for it or name another "
                                f"folder with {option}") from None
            yield
    except OSError as error:
        if error.filename and Path(error.filename).parent == folder or not folder.is_dir():
            raise UserError(f"{what} {folder} cannot be written ({error.strerror}); "
                            f"name another folder with {option}") from None
        raise

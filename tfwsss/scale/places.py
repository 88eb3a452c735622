"""Files on a disk or in an object store, by one set of functions; the latter alone need Apache Beam."""

import contextlib
import importlib.util
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfwsss.artefacts.files import write_atomically
from tfwsss.data.patterns import SCHEME, is_remote
from tfwsss.errors import UserError, brief

_WHOLE = ("gs", "s3", "azfs")           # stores whose objects appear when their writer closes, and not before
_PART = re.compile(r"\.[0-9a-f]{16}\.part")


def read(path: str) -> bytes:
    """Returns what a file holds.

    Args:
        path: of a disk or an object store.

    Raises:
        OSError: it cannot be read; Beam's stores raise other kinds too.
    """
    if not is_remote(path):
        return Path(path).read_bytes()
    with file_systems().open(path, compression_type="uncompressed") as file:
        return file.read()


@contextlib.contextmanager
def on_disk(path: str) -> Iterator[Path]:
    """Gives a file of an object store as one of a disk; files of a disk as they are.

    Args:
        path: of a file.

    Yields:
        A file of the same name.

    Raises:
        UserError: the store does not give it.
    """
    if not is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.rsplit("/", 1)[-1])
        with told(path):
            copy.write_bytes(read(path))
        yield copy


def exists(path: str) -> bool:
    """Returns whether there is a file of this name.

    Args:
        path: of a disk or an object store.

    Returns:
        bool.

    Raises:
        UserError: the store cannot be asked.
    """
    if not is_remote(path):
        return Path(path).is_file()
    with told(path):
        return file_systems().exists(path)


def write(path: str, data: bytes) -> None:
    """Writes a file that appears whole or not at all.

    On a disk, and in stores whose writers show half files, it is written aside and
    renamed; the objects of other stores appear when their writer closes.

    Args:
        path: of a disk or an object store.
        data: its contents.

    Raises:
        UserError: it cannot be written.
    """
    if not is_remote(path):
        write_atomically(Path(path), data)
        return
    systems = file_systems()
    whole = SCHEME.match(path)[1] in _WHOLE
    target = path if whole else f"{path[:path.rfind('/') + 1]}.{secrets.token_hex(8)}.part"
    with told(path):
        with systems.create(target, compression_type="uncompressed") as file:
            file.write(data)
        if not whole:
            if systems.exists(path):
                systems.delete([path])
            systems.rename([target], [path])


def clear_parts(folder: str) -> None:
    """Deletes what killed processes were writing; nobody may be at work there.

    Args:
        folder: of a disk; nothing is done in a store.
    """
    if not is_remote(folder):
        for here, _, files in os.walk(folder):
            for name in filter(_PART.fullmatch, files):
                Path(here, name).unlink(missing_ok=True)


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Makes one line of what a store raises, of whatever kind.

    Args:
        path: what the block uses.

    Yields:
        Nothing.

    Raises:
        UserError: the block has failed.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: cannot be used ({brief(error)}); check the path and your rights") from error


def check_readable(path: str) -> None:
    """Refuses a path of an object store where Beam is missing.

    Args:
        path: any.

    Raises:
        UserError: Beam is not installed, or knows no such store.
    """
    if not is_remote(path):
        return
    if importlib.util.find_spec("apache_beam") is None:
        raise UserError(f"{path}: object stores are read by Apache Beam, which is not installed; run make venv-beam, "
                        "or pip install 'tfwsss[beam]' in an environment of its own")
    with told(path):
        file_systems().get_filesystem(path)


def file_systems():
    """Returns Beam's FileSystems, which know the stores by their schemes."""
    from apache_beam.io.filesystems import FileSystems

    return FileSystems

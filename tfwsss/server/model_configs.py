"""Which models are served: those found in a folder, or those of a `models.config` as TensorFlow Serving reads it."""

import dataclasses
import itertools
import time
from collections.abc import Mapping
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfwsss.errors import UserError

MAX_MODELS = 1000
"""A list of more models is refused."""

MAX_VERSION = 2**63 - 1
"""Version numbers are int64 in every message."""

_MOST_FILES = 10_000        # of a version that are looked at
_MAX_DIGITS = len(str(MAX_VERSION))
_FORM = 'model_config_list { config { name: "..." base_path: "..." } }'


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model: its folder, which of its versions are wanted, and other names of versions.

    Args:
        name: as requests name it.
        folder: holds a folder for each version, named by its number.
        latest: how many of the newest versions are wanted; 0 for all.
        versions: exactly these are wanted; empty leaves the choice to `latest`.
        labels: label to version number.
    """

    name: str
    folder: Path
    latest: int = 1
    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def wanted(self) -> list[int]:
        """Returns the numbers of the versions that lie in the folder and are wanted, in order."""
        there = numbers(self.folder)
        if self.versions:
            return [number for number in there if number in self.versions]
        return there[-self.latest:]


def numbers(folder: Path) -> list[int]:
    """Returns the numbers of the versions in a folder; what is not there as a whole does not count.

    Args:
        folder: a model's folder.

    Returns:
        Sorted numbers.
    """
    try:
        return sorted(int(path.name) for path in folder.iterdir()
                      if _is_number(path.name) and (path / "saved_model.pb").is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_number(name: str) -> bool:
    """Says whether a folder's name is a version number: digits as they are written, without zeros before them."""
    return (name.isascii() and name.isdecimal() and len(name) <= _MAX_DIGITS and (name == "0" or name[0] != "0")
            and int(name) <= MAX_VERSION)


def held_by(folder: Path) -> tuple:
    """Returns what tells whether a version's folder has changed: all files in it, with their sizes and times.

    Args:
        folder: of a version; it may be there in part, or not at all.

    Returns:
        Path, size, time and number of each file; empty where there is no `saved_model.pb`.
    """
    found = []
    try:
        for path in itertools.islice(folder.rglob("*"), _MOST_FILES):
            status = path.stat()
            found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns, status.st_ino))
    except OSError:                                       # it changes while it is looked at
        found.append(time.monotonic_ns())
    return tuple(sorted(found, key=str)) if (folder / "saved_model.pb").is_file() else ()


def discover(models: Path) -> list[ModelConfig]:
    """Returns the models of a folder, each with its latest version wanted.

    Args:
        models: holds a folder for each model.

    Returns:
        A configuration for each folder in it that has a version.

    Raises:
        UserError: there is no such folder.
    """
    if not models.is_dir():
        raise UserError(f"--models: {models} is no folder; expected one with MODEL/VERSION/saved_model.pb in it")
    return [ModelConfig(path.name, path) for path in sorted(models.iterdir())
            if numbers(path) and not path.name.startswith(".")]


def read_config(path: Path, models: Path) -> list[ModelConfig]:
    """Reads a `models.config`: a ModelServerConfig message in protobuf's text format.

    Args:
        path: the file.
        models: where a model is looked for, by the last part of its `base_path`, if that
            path is not there: so a file written for the container works here as it stands.

    Returns:
        A configuration for each model.

    Raises:
        UserError: the file is missing or is no such message.
    """
    try:
        text = path.read_text("utf-8")
        message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except OSError as error:
        raise UserError(f"--config: {path} cannot be read ({error.strerror})") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"--config: {path}: {error}; expected {_FORM}") from error
    return from_message(message, models, str(path))


def from_message(message: model_server_config_pb2.ModelServerConfig, models: Path, origin: str) -> list[ModelConfig]:
    """Returns the models that a ModelServerConfig names.

    Args:
        message: of a file or a request.
        models: as for `read_config`.
        origin: where it is from, for messages.

    Returns:
        A configuration for each model.

    Raises:
        UserError: it names no model, or one twice, or wants what this server cannot do.
    """
    if message.WhichOneof("config") != "model_config_list" or not message.model_config_list.config:
        raise UserError(f"{origin} names no model; expected {_FORM}")
    entries = message.model_config_list.config
    if len(entries) > MAX_MODELS:
        raise UserError(f"{origin} names {len(entries):,} models, more than {MAX_MODELS:,}; start several servers")
    configs: dict[str, ModelConfig] = {}
    for entry in entries:
        if entry.name in configs:
            raise UserError(f"{origin} names model {entry.name!r} twice; drop one of them")
        configs[entry.name] = _config(entry, models, origin)
    return list(configs.values())


def _config(entry: model_server_config_pb2.ModelConfig, models: Path, origin: str) -> ModelConfig:
    if not entry.name or not entry.base_path:
        raise UserError(f"{origin}: a model without name or base_path; each needs both")
    if entry.model_platform not in ("", "tensorflow"):
        raise UserError(f"{origin}: model {entry.name!r} has model_platform {entry.model_platform!r}; "
                        "only 'tensorflow' can be served")
    folder = Path(entry.base_path)
    if not folder.is_dir() and (models / folder.name).is_dir():
        folder = models / folder.name
    policy = entry.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific" and not policy.specific.versions:
        raise UserError(f"{origin}: model {entry.name!r} wants specific versions but names none; add versions: 1")
    latest = {"all": 0, "latest": max(1, policy.latest.num_versions)}.get(kind, 1)
    return ModelConfig(entry.name, folder, latest, tuple(policy.specific.versions), dict(entry.version_labels))

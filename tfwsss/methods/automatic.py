"""What `--config auto` does: looks at images and machine, chooses, tells why, and keeps the choice with the run."""

import contextlib
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfwsss import methods
from tfwsss.artefacts.files import read_json
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.stream import in_threads
from tfwsss.logs import LOG
from tfwsss.runs import data_parallel, devices, resources
from tfwsss.runs.shown import spread
from tfwsss.settings import reading
from tfwsss.settings.auto.choose import Choice, choose, is_set
from tfwsss.settings.auto.facts import Facts
from tfwsss.settings.sections import RunSettings

NAME = Path("auto")
"""What is written in a configuration's place."""

_WIDEST = 48            # characters of a key and its value, before the reason

_OF_THE_MACHINE = ("devices", "workers")        # change no result: a run may go on elsewhere

_LOOKED_AT = 1000       # images whose headers tell the sizes


class Chosen(NamedTuple):
    """Settings that were chosen, and why.

    Args:
        settings: all of them, complete.
        facts: of images and machine now.
        choices: those that were not the user's.
        begun: facts with which the run began, on which its choices rest.
        given: what the user has set, nested.
    """

    settings: RunSettings
    facts: Facts
    choices: tuple[Choice, ...]
    begun: Facts
    given: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """Returns what a run keeps in its `config.json`."""
        return {"facts": self.begun._asdict(), "given": self.given, "choices": [one._asdict() for one in self.choices]}


def before_choosing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Completes what has to be known before any image is seen: where the images are, and the devices.

    Args:
        given: what the user has set, nested.

    Returns:
        The same; `data.kind` by the folder that is named, and all graphics cards, where nothing else is set.

    Example:

    >>> before_choosing({"data": {"root": "photos"}})["data"]
    {'kind': 'folder', 'root': 'photos'}
    """
    data = given.get("data")
    if isinstance(data, Mapping) and data.get("root") and "kind" not in data:
        given = reading.merge({"data": {"kind": _kind(Path(str(data["root"])))}}, given)
    gpus = devices.count_gpus()
    return {**({"devices": gpus} if gpus > 1 and not data_parallel.under_jax() else {}), **given}


def _kind(root: Path) -> str:
    """Tells VOC's layout from a folder with a table of tags."""
    as_voc = all((root / part).is_dir() for part in ("Annotations", "JPEGImages", "ImageSets"))
    return "voc" if as_voc and not (root / "labels.csv").is_file() else "folder"


def settle(method: str, given: Mapping[str, Any], images: ImageSet, folder: Path | None) -> Chosen:
    """Chooses the settings of a run; one that has begun keeps what it began with.

    Args:
        method: its name.
        given: what the user has set, nested.
        images: to train on.
        folder: of the run, whose choices of before are taken again; None: there is no such.

    Returns:
        The settings, and why.

    Raises:
        UserError: the method's settings cannot be chosen, or what the user has set is wrong.
    """
    own, known = methods.get(method), before_choosing(given)
    given = reading.merge({"data": known.get("data") or {}}, given) if "data" in known else given
    base = own.demo if (given.get("data") or {}).get("kind", "demo") == "demo" else {}
    def chosen(facts: Facts) -> list[Choice]:
        found = choose(own.config, {**given, "method": method}, facts, base)
        return [one for one in found if one.key != "devices" or not data_parallel.under_jax()]    # where all take part

    facts = look(images)
    begun, then, kept = _kept(folder, method)
    if begun and then != given:                  # the others go by what is set now
        kept = {one.key: one for one in chosen(begun) if one.key in kept}
    choices = _as_before(chosen(facts), {key: one for key, one in kept.items() if not is_set(given, key)})
    values = reading.merge(base, _nested(choices))
    settings = reading.build(own.config, reading.merge(values, given) | {"method": method}, "--config auto and --set")
    return Chosen(settings, facts, tuple(choices), begun or facts, given)


def look(images: ImageSet) -> Facts:
    """Finds what choices rest on.

    Args:
        images: to train on.

    Returns:
        Facts of images and machine.

    Raises:
        UserError: no image can be read.
    """
    sides = [max(size) for size in sizes_of(images)]
    return Facts(len(images.names), round(statistics.median(sides)), max(sides), images.num_classes,
                 sum(not images.labels[name] for name in images.names), len(os.sched_getaffinity(0)),
                 devices.count_gpus(), resources.free_memory() or resources.LEAST_MEMORY)


def sizes_of(images: ImageSet) -> list[tuple[int, int]]:
    """Reads rows and columns of images from their headers, of many images of a thousand.

    Args:
        images: any.

    Returns:
        Sizes, at least one; images that cannot be read are left out.

    Raises:
        UserError: no image can be read.
    """
    def size(name: str) -> tuple[int, int] | None:
        with contextlib.suppress(ImageFault):
            return images.read_size(name)
        return None

    found = [one for one in in_threads(size, spread(images.names, _LOOKED_AT)) if one]
    if not found:
        raise UserError(f"{images.root}: none of {len(images.names)} images can be read; look at {images.names[0]!r}")
    return found


def _kept(folder: Path | None, method: str) -> tuple[Facts | None, Any, dict[str, Choice]]:
    """Returns with what a run began, as far as it is noted: facts, what was set, and choices by key."""
    try:
        record = read_json(folder / "config.json") if folder else {}
        begun = record["auto"]
        kept = {one["key"]: Choice(**one) for one in begun["choices"] if one["key"] not in _OF_THE_MACHINE}
        facts = Facts(**begun["facts"]) if "given" in begun else None
        return (facts, begun.get("given"), kept) if record["method"] == method else (None, None, {})
    except (UserError, KeyError, TypeError):
        return None, None, {}


def _as_before(fresh: Sequence[Choice], kept: Mapping[str, Choice]) -> list[Choice]:
    """Takes earlier choices in place of others; says which would be others now."""
    others = [one for one in fresh if one.key in kept and kept[one.key].value != one.value]
    if others:
        LOG.info("auto: the run keeps what it began with; another --run would begin with %s",
                 ", ".join(f"{one.key} = {_plain(one.value)} (now {_plain(kept[one.key].value)})" for one in others))
    return list({**{one.key: one for one in fresh}, **kept}.values())


def _nested(choices: Sequence[Choice]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in choices:
        value = one.value
        for part in reversed(one.key.split(".")):
            value = {part: value}
        found = reading.merge(found, value)
    return found


def in_a_table(chosen: Chosen) -> str:
    """Returns for people what was chosen, and why.

    Args:
        chosen: of `settle`.
    """
    facts = chosen.facts
    sizes = f"{facts.side} pixels" if facts.side == facts.largest else f"{facts.side} pixels (longest {facts.largest})"
    first = (f"auto: {facts.images} images of {sizes}, {facts.classes} class{'es' * (facts.classes != 1)}, "
             f"{facts.negatives} images without any; "
             f"{facts.cores} cores, {facts.gpus} graphics cards. Chosen, and overruled by --set KEY=VALUE:")
    return "\n".join([first, *_rows(chosen.choices)])


def _rows(choices: Sequence[Choice]) -> Iterator[str]:
    told = ""
    width = min(max((len(one.key) + len(_plain(one.value)) for one in choices), default=0) + 5, _WIDEST)
    for one in choices:
        yield f"  {f'{one.key} = {_plain(one.value)}  ':<{width}}{'same' if one.why == told else one.why}"
        told = one.why


def _plain(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

"""Configurations: defaults in code, differences in YAML, single values by `--set`."""

import difflib
import itertools
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from tfwsss.errors import UserError, named
from tfwsss.settings.bounded_yaml import MAX_TEXT, load_yaml
from tfwsss.settings.sections import RunSettings, Settings

Config = TypeVar("Config", bound=RunSettings)

_MOST_KEYS = 10
_SHOWN = 20             # faults of one configuration


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns the mapping that a YAML file holds.

    Args:
        path: the file.

    Returns:
        Nested dictionary; empty for an empty file.

    Raises:
        UserError: the file is missing, is no YAML, or holds something other than keys and values.
    """
    try:
        with path.open("rb") as file:
            data = file.read(4 * MAX_TEXT + 1)              # a letter has at most four bytes
    except OSError as error:
        raise UserError(f"config file {path} cannot be read ({error.strerror}); check the path given") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"config file {path} is not valid YAML, byte {error.start} is not UTF-8; mend the "
                        "file") from None
    body = load_yaml(text, f"config file {path}", "mend the file")
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise UserError(f"config file {path} holds a {type(body).__name__}; expected keys and values such as 'seed: 1'")
    return body


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lays changes over a base, section by section.

    Args:
        base: nested mapping.
        changes: nested mapping; its values win.

    Returns:
        New nested dictionary.

    Example:
    >>> merge({"icd": {"epochs": 20, "batch_size": 32}}, {"icd": {"epochs": 5}})
    {'icd': {'epochs': 5, 'batch_size': 32}}
    """
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def parse_sets(assignments: Sequence[str]) -> dict[str, Any]:
    """Turns `--set` arguments into a nested dictionary.

    Args:
        assignments: texts `section.key=value`; the value is read as YAML.

    Returns:
        Nested dictionary.

    Raises:
        UserError: a text has no `=`, an empty key, or a value that is no YAML.

    Example:
    >>> parse_sets(["icd.epochs=5", "data.root=my photos"])
    {'icd': {'epochs': 5}, 'data': {'root': 'my photos'}}
    """
    nested: dict[str, Any] = {}
    for text in assignments:
        path, separator, value = text.partition("=")
        keys = path.strip().split(".")
        if not separator or not all(keys):
            raise UserError(f"--set {text[:80]!r} is not of the form section.key=value, for example --set icd.epochs=5")
        if len(keys) > _MOST_KEYS:
            raise UserError(f"--set {text[:80]!r} names {len(keys)} keys; no setting lies deeper than {_MOST_KEYS}")
        parsed = load_yaml(value, f"--set {text[:80]!r}: the value", "put it in quotes", place=False) if value else None
        for key in reversed(keys):
            parsed = {key: parsed}
        nested = merge(nested, parsed)
    return nested


def build(kind: type[Config], values: Mapping[str, Any], origin: str) -> Config:
    """Checks values against a method's settings.

    Args:
        kind: the method's `Config`.
        values: nested mapping of differences from the defaults.
        origin: where the values come from, for messages.

    Returns:
        The complete, immutable configuration.

    Raises:
        UserError: unknown key (the nearest one is named) or a value of a wrong type or range.
    """
    with named(f"{origin}:", "check the values"):
        try:
            return kind.model_validate(values)
        except pydantic.ValidationError as error:
            count = error.error_count()
            faults = [_explain(kind, fault) for fault in itertools.islice(error.errors(), _SHOWN)]
            more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
            raise UserError(f"{origin}: " + "; ".join([*faults, *more])) from None


def _explain(kind: type[Settings], fault: Mapping[str, Any]) -> str:
    """Turns one pydantic fault into words."""
    path = ".".join(part for part in map(str, fault["loc"]) if "-int" not in part and "[" not in part)   # no types
    if fault["type"] == "extra_forbidden":
        *section, key = fault["loc"]
        known = _keys(kind, section)
        near = difflib.get_close_matches(str(key), known, 1, 0.5)
        cure = f"did you mean '{'.'.join([*map(str, section), near[0]])}'?" if near else f"known: {', '.join(known)}"
        return f"unknown key '{path[:200]}'; {cure}"
    return f"'{path[:200]}' is {_shown(fault['input'])}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _shown(value: Any) -> str:
    """Returns a value as Python writes it, shortened where it is long."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    try:
        return short.repr(value)
    except ValueError:                          # Python writes no number of over 4,300 digits
        return f"a number of over {value.bit_length() * 3 // 10:,} digits" if isinstance(value, int) else "long"


def _keys(kind: type[Settings], section: Sequence[Any]) -> list[str]:
    """Returns the keys that a section of the settings knows."""
    for part in section:
        field = kind.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Settings)):
            return []
        kind = inner
    return list(kind.model_fields)

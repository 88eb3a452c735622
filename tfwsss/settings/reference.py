"""Every key that can be set, with type, default, range and meaning, read from the settings themselves."""

import re
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import yaml

from tfwsss.settings.sections import Settings

_NAMES = r"[a-z_0-9]+(?:, [a-z_0-9]+)*"


class Key(NamedTuple):
    """One key that can be set.

    Args:
        path: as `--set` takes it, such as `icd.epochs`.
        kind: type and range in words.
        value: what it is, as YAML.
        meaning: one or more sentences.
    """

    path: str
    kind: str
    value: str
    meaning: str


def keys_of(settings: Settings, prefix: str = "") -> Iterator[Key]:
    """Returns every key of some settings, sections within them included, in their order.

    Args:
        settings: an instance: its values are told, the defaults where nothing else was set.
        prefix: path of the section, with a point at its end.

    Yields:
        The keys.

    Example:

    >>> from tfwsss.settings.sections import CRFSettings
    >>> next(key for key in keys_of(CRFSettings(), "pseudo.") if "iterations" in key.path)[:3]
    ('pseudo.iterations', 'whole number, 0 or more', '10')
    """
    told = meanings(type(settings))
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from keys_of(value, f"{prefix}{name}.")
            continue
        kind = kind_in_words(field.annotation, field.metadata)
        yield Key(prefix + name, kind, _as_yaml(value), told.get(name, ""))


def meanings(kind: type[Settings]) -> dict[str, str]:
    """Returns what the docstrings of some settings, and of those that they extend, say of each key.

    Args:
        kind: class of settings.

    Returns:
        Key to meaning. One sentence may be of several keys: `first, second: of both`.

    Example:

    >>> from tfwsss.settings.sections import CRFSettings
    >>> meanings(CRFSettings)["gaussian_weight"]
    'its Potts weight.'
    """
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, Settings) and each is not Settings:
            found |= _told(each.__doc__ or "", set(kind.model_fields))
    return found


def _told(text: str, known: set[str]) -> dict[str, str]:
    """Reads the part `Args:` of a docstring."""
    _, _, text = text.partition("Args:")
    text = " ".join(text.split("\n\n")[0].split())
    found, names, start = {}, (), 0
    for match in re.finditer(rf"(?:^|(?<=[.;:] )|(?<= ))({_NAMES}): ", text):
        if not set(match[1].split(", ")) <= known:
            continue
        found |= dict.fromkeys(names, text[start:match.start()].strip())
        names, start = match[1].split(", "), match.end()
    return found | dict.fromkeys(names, text[start:].strip())


def kind_in_words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Returns type and range of a key in words.

    Args:
        annotation: type of the key.
        metadata: its constraints, as pydantic keeps them.

    Example:

    >>> kind_in_words(pydantic.PositiveInt), kind_in_words(typing.Literal["sgd", "adam"] | None)
    ('whole number, 1 or more', 'sgd | adam | null')
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return kind_in_words(inner[0], [*inner[1:], *metadata])
    if origin in (typing.Union, types.UnionType):
        parts = [kind_in_words(one) for one in inner if one is not type(None)]
        return " | ".join(dict.fromkeys(parts)) + _range(metadata, int in inner) + " | null" * (type(None) in inner)
    if origin is typing.Literal:
        return " | ".join(map(str, inner))
    if origin is tuple:
        return _list_in_words(inner, metadata)
    if origin is dict:
        return "keys and values"
    names = {int: "whole number", float: "number", bool: "true | false", str: "text", Path: "path"}
    return names[annotation] + _range(metadata, annotation is int)


def _list_in_words(inner: Sequence[Any], metadata: Sequence[Any]) -> str:
    if not inner or inner == ((),):
        return "[]"
    least = next((one.min_length for one in metadata if hasattr(one, "min_length")), 0)
    kinds = [re.sub(", (.*)", r" (\1)", kind_in_words(one)) for one in inner if one is not Ellipsis]
    return f"[{', '.join(kinds)}{', ...' * (inner[-1] is Ellipsis)}]" + (f", {least} at least" if least else "")


def _range(metadata: Sequence[Any], whole: bool) -> str:
    """Returns the limits of a number in words; whole numbers have no open ends."""
    told = {"gt": lambda limit: f"{limit + 1} or more" if whole else f"over {limit:g}",
            "ge": lambda limit: f"{limit:g} or more",
            "lt": lambda limit: f"{limit - 1} or less" if whole else f"under {limit:g}",
            "le": lambda limit: f"{limit:g} or less"}
    found = [(key, getattr(one, key)) for one in _constraints(metadata) for key in told if hasattr(one, key)]
    return "".join(f", {told[key](limit)}" for key, limit in found)


def _constraints(metadata: Sequence[Any]) -> Iterator[Any]:
    for one in metadata:
        yield from getattr(one, "metadata", ()) if isinstance(one, pydantic.fields.FieldInfo) else (one,)


def _as_yaml(value: Any) -> str:
    """Returns a value as a configuration would hold it, on one line."""
    plain = pydantic.TypeAdapter(Any).dump_python(value, mode="json")
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n...\n").strip()


def as_text(keys: Sequence[Key]) -> str:
    """Returns keys for a terminal, two lines each.

    Args:
        keys: of `keys_of`.

    Example:

    >>> print(as_text([Key("icd.epochs", "whole number, 1 or more", "20", "of training.")]))
    icd.epochs = 20    (whole number, 1 or more)
        of training.
    """
    return "\n".join(f"{key.path} = {key.value}    ({key.kind})\n    {key.meaning}" for key in keys)


def as_markdown(keys: Sequence[Key]) -> str:
    """Returns keys as tables, one a section.

    Args:
        keys: of `keys_of`.
    """
    lines: list[str] = []
    section = None
    for key in keys:
        own = key.path.rpartition(".")[0]
        if own != section:
            lines += ["", f"## {own or 'Every run'}", "", "| key | type | value | meaning |", "|---|---|---|---|"]
            section = own
        lines.append(f"| `{key.path}` | {_cell(key.kind)} | `{_cell(key.value)}` | {_cell(key.meaning)} |")
    return "\n".join(lines).strip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

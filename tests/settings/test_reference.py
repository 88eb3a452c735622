"""What is printed of the settings beside the settings themselves."""

import typing

import pydantic
import pytest

from tfwsss import methods
from tfwsss.settings import reading
from tfwsss.settings.reference import Key, as_markdown, as_text, keys_of, kind_in_words, meanings
from tfwsss.settings.sections import Settings


class Inner(Settings):
    """Of the inner part.

    Args:
        side: in pixels: all of them. gap, edge: share of the side, such as 0.5.
        names: what is named.

    Example: none.
    """

    side: pydantic.PositiveInt = 5
    gap: float = pydantic.Field(0.25, gt=0.0, le=1.0)
    edge: pydantic.NonNegativeFloat = 0.0
    names: tuple[str, ...] = ("a", "b")


class Outer(Inner):
    """Of the whole.

    Args:
        inner: the part.
        side: in feet.
        pair: of numbers.
    """

    side: int = pydantic.Field(3, ge=1, lt=9)
    inner: Inner = Inner()
    pair: tuple[float, pydantic.PositiveInt] | None = None
    mode: typing.Literal["x", "y"] | None = "x"


def test_keys_tell_type_range_value_and_meaning_of_sections_within_too():
    keys = {key.path: key[1:] for key in keys_of(Outer(inner=Inner(side=7)), "o.")}
    assert keys == {
        "o.side": ("whole number, 1 or more, 8 or less", "3", "in feet."),
        "o.gap": ("number, over 0, 1 or less", "0.25", "share of the side, such as 0.5."),
        "o.edge": ("number, 0 or more", "0.0", "share of the side, such as 0.5."),
        "o.names": ("[text, ...]", "[a, b]", "what is named."),
        "o.inner.side": ("whole number, 1 or more", "7", "in pixels: all of them."),
        "o.inner.gap": ("number, over 0, 1 or less", "0.25", "share of the side, such as 0.5."),
        "o.inner.edge": ("number, 0 or more", "0.0", "share of the side, such as 0.5."),
        "o.inner.names": ("[text, ...]", "[a, b]", "what is named."),
        "o.pair": ("[number, whole number (1 or more)] | null", "null", "of numbers."),
        "o.mode": ("x | y | null", "x", "")}


def fields_of(kind: type[Settings], prefix: str = ""):
    """Paths of all fields, found without the reference."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from fields_of(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


@pytest.mark.parametrize("method", methods.METHODS)
def test_every_field_of_every_method_is_told_and_explained(method):
    config = methods.get(method).config
    keys = list(keys_of(config(method=method)))
    assert [key.path for key in keys] == list(fields_of(config))
    assert [key.path for key in keys if len(key.meaning) < 8 and not key.path.endswith("deviation")] == []
    assert all(key.kind and key.value for key in keys)


@pytest.mark.parametrize("method", methods.METHODS)
def test_values_are_told_as_set_takes_them(method):
    settings = methods.get(method).config(method=method)
    sets = [f"{key.path}={key.value}" for key in keys_of(settings)]
    assert reading.build(type(settings), reading.parse_sets(sets), "test") == settings


def test_words_of_unions_and_empty_lists():
    assert kind_in_words(tuple[float, float] | tuple[()]) == "[number, number] | []"
    assert kind_in_words(dict[str, int]) == "keys and values"
    assert kind_in_words(bool | None) == "true | false | null"


def test_meanings_of_what_is_extended_are_kept_and_overruled():
    assert meanings(Outer)["gap"] == meanings(Inner)["gap"] and meanings(Outer)["side"] == "in feet."


def test_text_and_markdown():
    keys = [Key("seed", "whole number", "0", "start."), Key("a.b", "x | y", "x", "what | which.")]
    assert as_text(keys).splitlines()[2:] == ["a.b = x    (x | y)", "    what | which."]
    head = "\n\n| key | type | value | meaning |\n|---|---|---|---|\n"
    assert as_markdown(keys) == (f"## Every run{head}| `seed` | whole number | `0` | start. |\n\n"
                                 f"## a{head}| `a.b` | x \\| y | `x` | what \\| which. |\n")

"""What `--config auto` chooses, as values by key."""

from collections.abc import Mapping
from typing import Any

from tfwsss import methods
from tfwsss.settings.auto.choose import choose
from tfwsss.settings.auto.facts import Facts

ANIMALS = Facts(1500, 320, 320, 6)
"""The photographs of `configs/*_animals.yaml`, on two cores."""


def chosen(facts: Facts, method: str = "icd", base: Mapping[str, Any] | None = None, **given) -> dict[str, Any]:
    """Returns value by key."""
    found = choose(methods.get(method).config, {"method": method, **given}, facts, base)
    assert len({one.key for one in found}) == len(found) and all(one.why for one in found)
    return {one.key: one.value for one in found}


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by key as sections."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        *sections, last = key.split(".")
        inner = found
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = value
    return found

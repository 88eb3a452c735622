"""Settings chosen from the number and size of the images and from the machine: `--config auto`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pydantic

from tfwsss.errors import UserError
from tfwsss.settings.auto.facts import LARGE, Asked, Facts
from tfwsss.settings.auto.rules import RULES
from tfwsss.settings.reading import merge
from tfwsss.settings.sections import RunSettings

METHODS = ("icd", "affinitynet", "seam", "a2gnn", "retrain")
"""Whose settings can be chosen."""

_WHOLE_SIDES = ("icd", "retrain")   # methods that see no photograph at its own size

_LAST = ("rounds", "segmenter", "relabel", "masks")     # with which every method ends


class Choice(NamedTuple):
    """A setting that was chosen.

    Args:
        key: of the setting, such as `icd.crop`.
        value: as JSON would hold it.
        why: in a few words.
    """

    key: str
    value: Any
    why: str


def choose(kind: type[RunSettings], given: Mapping[str, Any], facts: Facts,
           base: Mapping[str, Any] | None = None) -> list[Choice]:
    """Chooses what a user has not set.

        crop = 16 round(0.7 seen / 16) + 1,   canvas = 16 ceil(seen / 16) + 1,
        epochs = steps(images) / steps of an epoch,   steps(images) ~ images^(1/5)

    Args:
        kind: class of a method's settings.
        given: what the user has set, nested, `method` with it; other choices go by it.
        facts: of images and machine.
        base: settings that are laid below the choices, such as the small network of the built-in set.

    Returns:
        Choices in the order of the sections, none of a key that is set.

    Raises:
        UserError: the method's settings cannot be chosen, or not for such images.

    Example:

    >>> from tfwsss.steps.rounds import SegmenterRounds
    >>> found = {one.key: one.value for one in choose(SegmenterRounds, {"method": "retrain"}, Facts(1500, 320, 320, 6))}
    >>> found["segmenter.crop"], found["segmenter.epochs"], found["masks.crf.position_deviation"]
    (225, 6, 30.0)
    """
    asked = Asked(str(given["method"]), given, merge(base or {}, given), facts)
    _check(asked.method, facts)
    found = []
    for section in sorted(kind.model_fields, key=_LAST.__contains__):
        rule = RULES.get(section)
        if rule:
            found += [Choice(f"{section}{key and '.'}{key}", value, why) for key, value, why in rule(asked, section)]
    own = [one for one in found if not is_set(given, one.key) and _exists(kind, one.key)]
    return list({one.key: one for one in own}.values())         # the last word on each key


def _check(method: str, facts: Facts) -> None:
    if method not in METHODS:
        raise UserError(f"--config auto chooses settings for {', '.join(METHODS)}, and not for {method}; begin with "
                        f"configs/{method}_animals.yaml in its place")
    if facts.side > LARGE and method not in _WHOLE_SIDES:
        raise UserError(f"--config auto: half of the photographs are {facts.side:,} pixels long or more, and {method} "
                        f"sees photographs at their own size; make them {LARGE:,} pixels long, or take --method icd")
    if facts.alone and method in ("affinitynet", "seam"):
        raise UserError(f"--config auto: all {facts.images} images show the only class, and {method} knows only "
                        "how tags differ; add photographs without it, with an empty tag, or take --method icd")


def is_set(given: Mapping[str, Any], key: str) -> bool:
    """Says whether a user has set a key.

    Args:
        given: what is set, nested.
        key: such as `icd.crop`.

    Returns:
        bool.

    Example:

    >>> is_set({"icd": {"longer_side": None}}, "icd.longer_side"), is_set({"icd": {}}, "icd.crop")
    (True, False)
    """
    part, _, rest = key.partition(".")
    return isinstance(given, Mapping) and part in given and (not rest or is_set(given[part], rest))


def _exists(kind: type[pydantic.BaseModel], key: str) -> bool:
    """Says whether settings have a key."""
    part, _, rest = key.partition(".")
    field = kind.model_fields.get(part)
    return field is not None and (not rest or _exists(field.annotation, rest))

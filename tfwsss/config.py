"""Configurations: defaults in code, differences in YAML, single values by `--set`."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pydantic
import yaml

from tfwsss.errors import UserError


class Settings(pydantic.BaseModel):
    """Base of all settings: immutable, typed, and unknown keys are refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataSettings(Settings):
    """Which images a run trains on and which it makes masks of.

    Args:
        kind: `demo` (the built-in set), `voc` (VOC 2012's folders) or `folder` (images and `labels.csv`).
        root: folder of the data; nothing for `demo`.
        split: list of names to train on; `None` means every image.
        pseudo_split: list of names to make masks of; `None` means the same as `split`.
        saliency: folder of grey PNGs, 255 = salient; only methods that use saliency read it.
        max_pixels: larger images are refused from their header.
    """

    kind: Literal["demo", "voc", "folder"] = "demo"
    root: Path | None = None
    split: str | None = None
    pseudo_split: str | None = None
    saliency: Path | None = None
    max_pixels: pydantic.PositiveInt = 50_000_000


class TensorBoardSettings(Settings):
    """What is written for TensorBoard.

    Args:
        enabled: write scalars, panels and the configuration.
        panels: number of fixed images shown after every epoch; 0 for none.
        profile: first and last training step of a profile; `None` for no profile.
    """

    enabled: bool = True
    panels: pydantic.NonNegativeInt = 6
    profile: tuple[pydantic.PositiveInt, pydantic.PositiveInt] | None = None

    @pydantic.field_validator("profile")
    @classmethod
    def _rising(cls, steps: tuple[int, int] | None) -> tuple[int, int] | None:
        if steps and steps[0] > steps[1]:
            raise ValueError("the first step comes after the last")
        return steps


class CRFSettings(Settings):
    """Dense CRF, by default as the published systems set it.

    Args:
        implementation: `lattice` (in the graph) or `pydensecrf` (the extra `crf`).
        iterations: mean-field iterations; 0 switches the CRF off.
        gaussian_deviation: pixels. gaussian_weight: its Potts weight.
        position_deviation: pixels. colour_deviation: grey levels (0–255). bilateral_weight: their Potts weight.
        certainty: probability of the label that a seed mask gives, where the CRF starts from masks.
    """

    implementation: Literal["lattice", "pydensecrf"] = "lattice"
    iterations: pydantic.NonNegativeInt = 10
    gaussian_deviation: pydantic.PositiveFloat = 3.0
    gaussian_weight: pydantic.NonNegativeFloat = 3.0
    position_deviation: pydantic.PositiveFloat = 80.0
    colour_deviation: pydantic.PositiveFloat = 13.0
    bilateral_weight: pydantic.NonNegativeFloat = 10.0
    certainty: float = pydantic.Field(0.5, gt=0.0, lt=1.0)


class BackboneSettings(Settings):
    """Which network sees the images, and what it knows at the start.

    Args:
        name: `vgg16`, `resnet38`, `mobilenet_v2`, or `small` (for the built-in set).
        initial: a weights file, `imagenet` (Keras' own download), or nothing.
        output_stride: pixels between positions of `mobilenet_v2`'s maps.
        tap: layer of `mobilenet_v2` whose output is the feature map.
        learning_norm: which batch normalisations of `mobilenet_v2` learn; `after_tap`: those that features do not pass.
        width: factor of all channels; 1 wherever weights are loaded.
    """

    name: Literal["vgg16", "resnet38", "mobilenet_v2", "small"] = "vgg16"
    initial: Path | None = Path("imagenet")
    output_stride: Literal[8, 16, 32] = 16
    tap: str = "block_16_project_BN"
    learning_norm: Literal["none", "after_tap", "all"] = "none"
    width: pydantic.PositiveFloat = 1.0


class RunSettings(Settings):
    """What every method shares; a method's `Config` adds one section a stage.

    Args:
        method: name of the method.
        data: where images, labels and masks come from.
        devices: number of replicas, or a list of device names such as `["GPU:0", "GPU:1"]`. On a machine
            without a GPU a number makes as many logical CPU devices.
        mixed_precision: compute in float16 where that is safe; losses and CRF stay in float32.
        seed: start of every random choice.
        workers: processes for work on single images; 0 means one a core.
        given: stage name to a folder that stands for that stage's artefact.
        tensorboard: what is written for TensorBoard.
    """

    method: str
    data: DataSettings = DataSettings()
    devices: pydantic.PositiveInt | Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = 1
    mixed_precision: bool = False
    seed: int = pydantic.Field(0, ge=0, lt=2**32)
    workers: pydantic.NonNegativeInt = 0
    given: dict[str, Path] = {}
    tensorboard: TensorBoardSettings = TensorBoardSettings()


Config = TypeVar("Config", bound=RunSettings)


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
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"config file {path} cannot be read ({error.strerror}); check the path given") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = str(getattr(error, "problem_mark", "") or "").strip()
        raise UserError(f"config file {path} is not valid YAML {where}; mend the file") from None
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
            raise UserError(f"--set {text!r} is not of the form section.key=value, for example --set icd.epochs=5")
        try:
            parsed = yaml.safe_load(value) if value else None
        except yaml.YAMLError:
            raise UserError(f"--set {text!r}: the value is not valid YAML; put it in quotes") from None
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
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as error:
        faults = [_explain(kind, fault) for fault in error.errors()]
        raise UserError(f"{origin}: " + "; ".join(faults)) from None


def _explain(kind: type[Settings], fault: Mapping[str, Any]) -> str:
    """Turns one pydantic fault into words."""
    path = ".".join(part for part in map(str, fault["loc"]) if "-int" not in part and "[" not in part)   # no types
    if fault["type"] == "extra_forbidden":
        *section, key = fault["loc"]
        known = _keys(kind, section)
        near = difflib.get_close_matches(str(key), known, 1, 0.5)
        cure = f"did you mean '{'.'.join([*map(str, section), near[0]])}'?" if near else f"known: {', '.join(known)}"
        return f"unknown key '{path}'; {cure}"
    return f"'{path}' is {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _keys(kind: type[Settings], section: Sequence[Any]) -> list[str]:
    """Returns the keys that a section of the settings knows."""
    for part in section:
        field = kind.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Settings)):
            return []
        kind = inner
    return list(kind.model_fields)

"""CLIP's and DINOv2's recorded numbers: reduced networks whose weights are drawn from their names, and their arrays."""

import dataclasses
import functools
import importlib.util
from pathlib import Path

import keras
import numpy as np

from tests.support.shared import shared_file
from tfwsss.backbones.transformer import BlockForm
from tfwsss.backbones.vit import FORMS, ViTForm, vit
from tfwsss.models.byte_pairs import MERGES
from tfwsss.models.clip import TextForm, clip
from tfwsss.models.clip_maps import ClipMaps
from tfwsss.weights.assign import assign

CLIP_FORM = dataclasses.replace(FORMS["clip_b16"], block=BlockForm(64, 4), depth=10, grid=4)
DINOV2_FORM: ViTForm = dataclasses.replace(
    FORMS["dinov2_small"], block=FORMS["dinov2_small"].block._replace(width=48, heads=3), depth=4, grid=7)
TEXT_FORM = TextForm(BlockForm(32, 2, causal=True), depth=3)
CHANNELS = 24
MAPS = ("maps_two_tags", "maps_three_tags", "maps_tiny_gradient", "maps_one_empty")


def arrays(name: str) -> dict[str, np.ndarray]:
    """Returns the arrays of one of the shared files."""
    with np.load(shared_file(f"fixtures/clip/{name}.npz"), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def listed_merges(count: int = MERGES) -> list[str]:
    """Returns lines as a list of merges has them, of pieces that no word has."""
    return [f"{chr(0x4E00 + number // 500)} x{number % 500}" for number in range(count)]


def names(listed: str) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of a list of the shared files."""
    rows = [line.split("\t") for line in shared_file(f"fixtures/clip/{listed}.tsv").read_text().splitlines()]
    return {name: () if shape == "scalar" else tuple(map(int, shape.split("x"))) for name, shape, *_ in rows}


@functools.cache
def weights(listed: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a list of names, as the shared rule draws them."""
    path = Path(shared_file("fixtures/clip/weights_rule.py"))
    spec = importlib.util.spec_from_file_location("weights_rule", path)
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    return {name: rule.tensor_for(name, shape) for name, shape in names(listed).items()}


@functools.cache
def reduced_clip() -> keras.Model:
    """Returns CLIP, narrow and of ten blocks, with the recorded weights."""
    model = clip(CLIP_FORM, TEXT_FORM, CHANNELS)
    assign(model, weights("names_reduced_clip"), "clip")
    return model


def clip_maps(text: np.ndarray) -> ClipMaps:
    """Returns what makes class maps, with the recorded weights of the image tower and own texts, all of them classes.

    Args:
        text: float32 `(text, channel)`, of length 1.
    """
    own = reduced_clip()
    model = ClipMaps(CLIP_FORM.get_config(), ["?"] * len(text), len(text), CHANNELS)
    for weight in model.weights:
        layer, _, leaf = weight.path.partition("/")
        weight.assign(text.T if layer == "texts" else getattr(own.get_layer(layer), leaf))
    return model


@functools.cache
def reduced_dinov2() -> keras.Model:
    """Returns DINOv2, narrow and of four blocks, with the recorded weights."""
    model = vit(DINOV2_FORM, corners=False, name="dinov2")
    assign(model, weights("names_reduced_dinov2"), "dinov2")
    return model

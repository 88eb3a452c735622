"""The stage from CLIP's file and the names of classes to a network that knows their words."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pydantic

from tfwsss.artefacts.files import write_atomically
from tfwsss.artefacts.models import load_model, write_model
from tfwsss.backbones.initial import load_initial
from tfwsss.backbones.vit import FORMS
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.models.byte_pairs import BytePairs, read_merges
from tfwsss.models.clip import CHANNELS, TextForm, clip, text_tower
from tfwsss.models.clip_maps import ClipMaps
from tfwsss.runs.stage import Context, Inputs, Stage
from tfwsss.settings.sections import BackboneSettings, Settings

WORDS: Mapping[str, str] = {
    "bird": "bird avian", "chair": "chair seat", "person": "person with clothes,people,human",
    "tvmonitor": "tvmonitor screen", "backpack": "backpack,bag", "umbrella": "umbrella,parasol",
    "handbag": "handbag,purse", "tie": "necktie", "baseball glove": "glove", "spoon": "dessertspoon",
    "remote": "remote control", "hair drier": "hairdrier,blowdrier",
}
"""Words published for classes whose names CLIP knows less well."""

BACKGROUNDS = ("ground", "land", "grass", "tree", "building", "wall", "sky", "lake", "water", "river", "sea", "railway",
               "railroad", "keyboard", "helmet", "cloud", "house", "mountain", "ocean", "road", "rock", "street",
               "valley", "bridge", "sign")
"""Published words for what is no class."""

MERGES = ("merges.txt", "bpe_simple_vocab_16e6.txt.gz", "tokenizer.json")
"""Names of the list of merges beside weights."""


class ClipBackbone(BackboneSettings):
    """CLIP: `initial` is a file that `python -m tfwsss.convert` has made of its own."""

    name: Literal["clip_b16"] = "clip_b16"


class ClipSettings(Settings):
    """CLIP, the words of the classes, and what else an image may show.

    Args:
        backbone: CLIP's network and its weights.
        merges: CLIP's list of merges; None: `merges.txt`, `bpe_simple_vocab_16e6.txt.gz` or `tokenizer.json` beside
            `backbone.initial`.
        templates: sentences with {} for the words; their embeddings are averaged.
        words: class to its words in place of its name; some are published, see `steps.words.WORDS`.
        backgrounds: words for what is no class; those that name a class of the data set are left out.
    """

    backbone: ClipBackbone = ClipBackbone()
    merges: Path | None = None
    templates: tuple[str, ...] = pydantic.Field(("a clean origami {}.",), min_length=1)
    words: dict[str, str] = {}
    backgrounds: tuple[str, ...] = pydantic.Field(BACKGROUNDS, min_length=1)

    @pydantic.field_validator("templates")
    @classmethod
    def _have_places(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count("{}") != 1:
                raise ValueError(f"{template!r} has {template.count('{}')} places for words; write {{}} once")
        return templates


def words_of(settings: ClipSettings, classes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the words of each class, and those of the backgrounds that are none of the classes.

    Args:
        settings: own words and backgrounds.
        classes: names, without background.

    Raises:
        UserError: words of a class that there is not, or no background left.

    Example:

    >>> found, others = words_of(ClipSettings(backgrounds=("grass", "sky")), ["bird", "Grass"])
    >>> found, others
    (['bird avian', 'Grass'], ['sky'])
    """
    unknown = sorted(settings.words.keys() - set(classes))
    if unknown:
        raise UserError(f"clip.words: '{unknown[0]}' is no class; the classes are {', '.join(classes)}")
    chosen = [settings.words.get(name, WORDS.get(name.lower(), name)) for name in classes]
    empty = [name for name, words in zip(classes, chosen, strict=True) if not words.strip()]
    if empty:
        raise UserError(f"clip.words: those of '{empty[0]}' are empty; say in words what it looks like")
    taken = {text.strip().lower() for text in (*classes, *chosen)}
    others = [words for words in settings.backgrounds if words.strip().lower() not in taken]
    if not others:
        raise UserError("clip.backgrounds: all of them are classes; name something else that images show")
    return chosen, others


def tokenizer_of(settings: ClipSettings) -> BytePairs:
    """Returns the tokenizer that belongs to the weights; with random weights, one that merges nothing will do.

    Args:
        settings: of weights and merges.

    Raises:
        UserError: there is no list of merges.
    """
    initial = settings.backbone.initial
    if settings.merges is not None:
        return read_merges(settings.merges)
    if initial is None:
        return BytePairs({})
    beside = [initial.with_name(name) for name in MERGES]
    found = next((path for path in beside if path.is_file()), None)
    if found is None:
        raise UserError(f"clip.merges: no {', '.join(MERGES[:-1])} or {MERGES[-1]} beside {initial}; CLIP reads words "
                        "by that list, which comes with its weights: put it there, or name it")
    return read_merges(found)


def text_embeddings(tower: keras.Model, tokenizer: BytePairs, templates: Sequence[str],
                    words: Sequence[str]) -> np.ndarray:
    """Embeds words: the direction of the mean over all templates of unit embeddings.

    Args:
        tower: of `models.clip.text_tower`.
        tokenizer: that belongs to it.
        templates: with {} for the words.
        words: of all texts.

    Returns:
        float32 `(text, channel)`, of length 1.

    Raises:
        UserError: words that are too long.
    """
    total = 0.0
    for template in templates:
        tokens = tokenizer.tokens([template.replace("{}", each) for each in words])
        total = total + _unit(np.asarray(tower(tokens, training=False), np.float32))
    return _unit(total / len(templates))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def clip_stage(name: str, classes: Sequence[str], settings: ClipSettings) -> Stage:
    """Makes the stage that reads CLIP and embeds the words; what it leaves needs neither text tower nor merges.

    Args:
        name: of the stage.
        classes: names, without background.
        settings: of network and words.

    Returns:
        Stage of kind `model`, a `models.clip_maps.ClipMaps`; `words.json` says for people what stands for what.
    """
    def work(context: Context, inputs: Inputs, output: Path) -> dict[str, str]:
        words, others = words_of(settings, classes)
        tokenizer = tokenizer_of(settings)
        keras.utils.set_random_seed(context.seed)
        form, width = FORMS["clip_b16"], settings.backbone.width
        text, channels = TextForm(), CHANNELS
        if width != 1:
            form, text, channels = form.narrowed(width), text.narrowed(width), max(1, round(channels * width))
        whole = clip(form, text, channels)
        load_initial(whole, settings.backbone.initial)
        embeddings = text_embeddings(text_tower(whole), tokenizer, settings.templates, [*words, *others])
        model = ClipMaps(form.get_config(), [*words, *others], len(words), channels)
        for weight in model.weights:
            layer, _, leaf = weight.path.rpartition("/")
            weight.assign(embeddings.T if layer == "texts" else getattr(whole.get_layer(layer), leaf))
        write_model(output, model)
        told = {"classes": dict(zip(classes, words, strict=True)), "backgrounds": others,
                "templates": list(settings.templates)}
        write_atomically(output / "words.json", json.dumps(told, ensure_ascii=False, indent=1).encode())
        if settings.backbone.initial is None:
            LOG.warning("%s: CLIP has random weights, so that its masks mean nothing; set clip.backbone.initial", name)
        return {}

    return Stage(name, "model", (), _facts(settings, classes), work, trained=False)


def _facts(settings: ClipSettings, classes: Sequence[str]) -> dict[str, Any]:
    return {**settings.facts(), "classes": list(classes)}


def load_clip(folder: Path) -> ClipMaps:
    """Loads CLIP with the words of a run.

    Args:
        folder: of its stage.

    Returns:
        The network.

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    return load_model(folder, ClipMaps)

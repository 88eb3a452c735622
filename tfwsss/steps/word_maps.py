"""The stage of class maps by words."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pydantic
import tensorflow as tf

from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.clip import VERSION, WordRule, word_maps
from tfwsss.inference.masker import Look
from tfwsss.inference.see import Seer, images_at_a_time
from tfwsss.inference.stream import batches_by_size
from tfwsss.inference.views import WholeCells
from tfwsss.logs import LOG
from tfwsss.models.clip_maps import ClipMaps
from tfwsss.runs import journal
from tfwsss.runs.recognition import ranked, recognised, unknown
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings
from tfwsss.steps.words import load_clip


class WordMapSettings(Settings):
    """Class maps by words, and how they are spread.

    Args:
        blocks: last blocks whose attention spreads class maps.
        share: of a map's largest value, above which boxes are drawn round it; 0.7 is published for COCO.
        rounds: in which attention is balanced.
    """

    blocks: pydantic.PositiveInt = 8
    share: float = pydantic.Field(0.4, ge=0.0, lt=1.0)
    rounds: pydantic.NonNegativeInt = 3


def word_network(model: ClipMaps, settings: WordMapSettings) -> tuple[Look, WordRule]:
    """Takes from CLIP what class maps by words need.

    Args:
        model: with the words.
        settings: of the maps.

    Returns:
        What sees an image, and what makes class maps of that.
    """
    averaged = min(settings.blocks, model.form.depth)
    rule = WordRule(model.last_block(), model.num_classes, averaged, settings.share, settings.rounds)
    return Look(model.trunk(averaged), WholeCells(model.form.patch)), rule


def word_map_stage(name: str, images: ImageSet, settings: WordMapSettings, source: str) -> Stage:
    """Makes the stage of class maps by words; how likely CLIP finds every class goes into a journal first.

    Args:
        name: of the stage.
        images: what to make maps of.
        settings: of the maps.
        source: stage of CLIP with the words.

    Returns:
        Stage of kind `scores`: maps of 0 to 1 on the grid of the patches.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        look, rule = word_network(load_clip(inputs[source]), settings)
        seer, make = Seer(*look), _compiled(rule, look)
        for part, found in batches_by_size(images, names, lambda size: images_at_a_time(look.view, size)):
            if isinstance(found, ImageFault):
                yield part[0], found
                continue
            seen = seer(found)
            for place, image in enumerate(part):
                classes = np.array(images.labels[image], np.int32)
                maps, shown = make({key: each[place] for key, each in seen.items()}, classes)
                journal.append(inputs[name] / journal.SHOWN, {"name": image, "tags": images.labels[image],
                                                              "likely": ranked(shown.numpy(), len(classes))})
                yield image, Scores(classes, np.moveaxis(maps.numpy(), -1, 0), found.shape[1:3])
        for line in unknown(recognised(inputs[name], images.classes[1:])):
            LOG.warning("%s: %s", name, line)

    return infer(name, images, kind="scores", settings=settings, needs=(source,), predict=predict,
                 versions={"word_maps": VERSION})


def _compiled(rule: WordRule, look: Look) -> Callable:
    """Returns maps and classes of one image to its class maps, and how likely each class is."""
    specs = {key: tf.TensorSpec((None, None, maps.shape[-1])) for key, maps in look.network.output.items()}

    def work(seen, classes):
        found = word_maps(rule, seen, classes)
        return found.spread, found.shown

    return tf.function(work, autograph=False, input_signature=[specs, tf.TensorSpec((None,), tf.int32)])

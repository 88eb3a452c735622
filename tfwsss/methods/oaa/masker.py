"""How OAA's networks make maps and masks: of what was gathered, and of any photograph."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.decision import Decision, likely_by_logits
from tfwsss.inference.kept import channels_last
from tfwsss.inference.masker import Look, Masker
from tfwsss.inference.see import Seer
from tfwsss.inference.stream import try_each
from tfwsss.inference.views import Picture
from tfwsss.logs import LOG
from tfwsss.methods.oaa.config import Config, LookSettings
from tfwsss.models.oaa import OAA, attention_network
from tfwsss.ops.attention_bytes import attention_bytes
from tfwsss.refine.accumulation import gathered_bytes
from tfwsss.runs.stage import Inputs
from tfwsss.steps.cam_masks import class_map_masker
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.steps.proxy_labels import proxy_label_crf, proxy_label_rule
from tfwsss.steps.saliency import saliency_maps
from tfwsss.training.attention_memory import AttentionMemory

LOGITS = "position_logits"
"""Key of the raw class maps."""


def load_maps(config: Config, look: LookSettings, folder: Path) -> ClassMapNetwork:
    """Loads a trained network, either of the two.

    Args:
        config: the run's settings.
        look: how it is shown images.
        folder: of its stage.

    Returns:
        Network of raw class maps, under "cam" and, for their means, "position_logits".

    Raises:
        UserError: the file is missing or damaged, or holds another network.
    """
    network = attention_network(load_model(folder, OAA))
    raw = network.output[LOGITS]
    return ClassMapNetwork(keras.Model(network.input, {"cam": raw, LOGITS: raw}), view=look.resized(config.oaa))


def class_maps(config: Config, run: Path) -> ClassMapNetwork:
    """Loads the plain class maps of a run, beside which it is judged.

    Args:
        config: the run's settings.
        run: folder of the run.

    Returns:
        The first network.
    """
    return load_maps(config, config.cam, config.given.get("oaa", run / "oaa"))


def masker(config: Config, run: Path) -> Masker:
    """Returns how a finished run makes labels of a photograph, whose maps nobody has gathered.

    They are those of the second network where it was trained; the first then says which classes there are.

    Args:
        config: the run's settings.
        run: folder of the run.
    """
    rule = proxy_label_rule(config.label_rule, run, saliency_maps(config.data))
    decide = functools.partial(_decide, rule, config.oaa.program == "torch")
    crf, first = proxy_label_crf(config.labels, config.pseudo), class_maps(config, run)
    if not config.plus:
        first = first._replace(view=config.maps.resized(config.oaa))
        return class_map_masker(first, config.maps, decide, crf)
    second = load_maps(config, config.maps, config.given.get("oaa_plus", run / "oaa_plus"))
    maps, tags = (keras.Model(each.network.input, {key: each.network.output[key]})
                  for each, key in ((second, "cam"), (first, LOGITS)))
    return Masker(maps, 1 + maps.output["cam"].shape[-1], second.view, functools.partial(likely_by_logits, LOGITS),
                  decide, crf, further=(Look(tags, LookSettings().resized(config.oaa)),))


def _decide(rule: Callable, from_zero: bool, maps: Mapping, picture: Picture, classes) -> Decision:
    """Makes labels of raw class maps, which `plus_maps` keeps as bytes."""
    return rule({"cam": attention_bytes(maps["cam"], from_zero)}, picture, classes)


def plus_maps(config: Config, images: ImageSet, inputs: Inputs,
              names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
    """Makes the second network's maps of whole images.

    Args:
        config: the run's settings.
        images: the data set.
        inputs: the finished `oaa_plus`.
        names: what to make maps of.

    Yields:
        Name and maps of bytes, or a fault.
    """
    return _in_bytes(config, load_maps(config, config.maps, inputs["oaa_plus"]), images, names)


def _in_bytes(config: Config, loaded: ClassMapNetwork, images: ImageSet,
              names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
    network = keras.Model(loaded.network.input, {"cam": loaded.network.output["cam"]})
    stretch = tf.function(functools.partial(attention_bytes, from_zero=config.oaa.program == "torch"),
                          input_signature=[tf.TensorSpec((None, None, None))], autograph=False)
    for name, found in Seer(network, loaded.view).scores(images, names):
        if isinstance(found, ImageFault):
            yield name, found
            continue
        planes = np.moveaxis(stretch(channels_last(found["cam"])).numpy(), -1, 0)
        yield name, found["cam"]._replace(scores=planes)


def gathered_maps(config: Config, images: ImageSet, inputs: Inputs,
                  names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
    """Takes what was gathered of images; of a class that never was taken, the map of the trained network.

    Args:
        config: the run's settings.
        images: the data set.
        inputs: the finished `oaa`.
        names: what to make maps of.

    Yields:
        Name and maps of bytes, or a fault.
    """
    memory, rule = AttentionMemory.read(inputs["oaa"]), config.oaa.joined_by
    lacking = [name for name in names if not images.labels[name] or
               any(memory.get(name, label) is None for label in images.labels[name])]

    def kept(name: str) -> Scores:
        planes = [gathered_bytes(memory.get(name, label), rule) for label in images.labels[name]]
        return Scores(np.array(images.labels[name], np.int32), np.stack(planes), images.read_size(name))

    yield from try_each(kept, [name for name in names if name not in set(lacking)])
    if lacking:
        LOG.info("accumulated: of %d of %d images some class was never taken; its maps are the trained network's",
                 len(lacking), len(names))
        loaded = load_maps(config, LookSettings(), inputs["oaa"])
        for name, found in _in_bytes(config, loaded, images, lacking):
            if not isinstance(found, ImageFault):
                planes = [plane if memory.get(name, label) is None else gathered_bytes(memory.get(name, label), rule)
                          for label, plane in zip(found.classes, found.scores, strict=True)]
                found = found._replace(scores=np.stack(planes) if planes else found.scores)
            yield name, found

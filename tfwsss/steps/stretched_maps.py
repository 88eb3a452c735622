"""The stage from a network to stretched class maps of whole images, kept as scores (SEAM)."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.scores import Scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.stretched import stretched_maps
from tfwsss.inference.kept import channels_last
from tfwsss.inference.see import Seer
from tfwsss.inference.views import OwnSize, Picture
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.steps.class_maps import ClassMapNetwork, MapSettings


class Stretcher:
    """Stretches the raw class maps of one image that a network gave in some view; compiled once for all sizes.

    Args:
        settings: how the maps are made.
        network: of the maps.
    """

    def __init__(self, settings: MapSettings, network: ClassMapNetwork):
        stretch = functools.partial(stretched_maps, settings.views, isinstance(network.seen(settings), OwnSize))
        pair = tf.TensorSpec((2,), tf.int32)
        self._stretch = tf.function(
            lambda maps, size, covers: stretch(maps, Picture((size[0], size[1]), (covers[0], covers[1])),
                                               tf.range(tf.shape(maps)[2])),
            autograph=False, input_signature=[tf.TensorSpec((None, None, None)), pair, pair])

    def __call__(self, raw: Scores) -> Scores:
        """Returns the stretched maps of the same classes.

        Args:
            raw: mean maps over scales and mirror images.
        """
        planes = self._stretch(channels_last(raw), np.int32(raw.size), np.int32(raw.covers or raw.size))
        return raw._replace(scores=np.moveaxis(planes.numpy(), -1, 0))


def stretched_map_stage(name: str, images: ImageSet, settings: MapSettings, source: str,
                        load: Callable[[Path], ClassMapNetwork], key: str) -> Stage:
    """Makes the stage that writes one of a network's maps of whole images, stretched from their least to their largest.

    Args:
        name: of the stage.
        images: what to make maps of.
        settings: canvas, scales, mirror.
        source: stage of the network.
        load: folder of that stage to the network.
        key: of the map.

    Returns:
        Stage of kind `scores`, see `inference.decide.stretched`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        loaded = load(inputs[source])
        network = keras.Model(loaded.network.input, {key: loaded.network.output[key]})
        stretched = Stretcher(settings, loaded)
        for image, found in Seer(network, loaded.seen(settings)).scores(images, names):
            yield image, found if isinstance(found, ImageFault) else stretched(found[key])

    return infer(name, images, kind="scores", settings=settings, needs=(source,), predict=predict)

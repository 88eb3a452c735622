"""What a finished stage is: a photograph to its mask."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.decide.decision import Decision, scores_of_all
from tfwsss.inference.found import Answer, Found
from tfwsss.inference.see import Seer, check_covers, covered, images_at_a_time, stride_of
from tfwsss.inference.sharpen import CRF, sharpen, sharpen_arrays
from tfwsss.inference.stream import batches_by_size, in_threads
from tfwsss.inference.views import Picture, View
from tfwsss.ops.mask_ids import mask_ids


class Look(NamedTuple):
    """A network, and how it is shown images.

    Args:
        network: image `(batch, row, column, 3)`, 0-255, to a dictionary of maps `(batch, row', column', channel)`.
        view: on a canvas, at their own size, or in windows.
    """

    network: keras.Model
    view: View


@dataclasses.dataclass(frozen=True, eq=False)
class Masker:
    """How a finished stage makes masks: it sees, decides and sharpens.

    Args:
        network: image `(batch, row, column, 3)`, 0-255, to a dictionary of maps `(batch, row', column', channel)`;
            under `Windows` to "logits" of all ids, of which `presence` and `decide` get "probabilities".
        num_ids: classes with background.
        view: how the network sees an image.
        presence: maps of one image and its Picture to two vectors `(class,)`: how likely the image shows each class,
            0 to 1, and which classes count where no tags are given.
        decide: maps of one image, its Picture and the labels int32 `(kept class,)` that count, to a Decision.
        crf: what sharpens.
        others: networks that `decide` calls.
        further: looks whose maps are added to the network's; images of which they cover another part are faults.
        least: where no tags are given, an image whose likeliest class is less likely than this shows nothing: its mask
            is background. 0: every image shows what is likeliest in it.
        carried: what goes along beside the networks' weights, in numbers by name, for people to read.
    """

    network: keras.Model
    num_ids: int
    view: View
    presence: Callable
    decide: Callable
    crf: CRF
    others: tuple[keras.Model, ...] = ()
    further: tuple[Look, ...] = ()
    least: float = 0.0
    carried: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def looks(self) -> tuple[Look, ...]:
        """All that is seen of an image."""
        return (Look(self.network, self.view), *self.further)

    @functools.cached_property
    def stride(self) -> int:
        """Pixels between positions of the maps."""
        return stride_of(self.network)

    @functools.cached_property
    def seer(self) -> Seer:
        """The network, compiled for whole images."""
        return Seer(self.network, self.view)

    @functools.cached_property
    def _seers(self) -> list[Seer]:
        return [self.seer, *(Seer(*look) for look in self.further)]

    def see(self, images: np.ndarray) -> dict:
        """Returns all maps of images of one size, by key.

        Args:
            images: uint8 `(batch, row, column, 3)`.
        """
        return {key: maps for seer in self._seers for key, maps in seer(images).items()}

    def check(self, size: Sequence[int]) -> None:
        """Refuses images of which the looks cover different parts.

        Args:
            size: rows and columns of the images.

        Raises:
            UserError: the looks' canvases show more than such an image, and differ.
        """
        if self.further:
            check_covers({key: seer.covered(size) for seer in self._seers for key in seer.network.output})

    def picture(self, image) -> Picture:
        """Returns an image as rules take it.

        Args:
            image: uint8 `(row, column, 3)`.
        """
        size = tf.shape(image)[:2]
        return Picture((size[0], size[1]), covered(self.stride, self.view, (size[0], size[1])), image)

    def answer(self, maps, image, tags=None) -> Answer:
        """Makes the mask of one image of its maps, inside a graph.

        Args:
            maps: of `see`, without the batch's axis.
            image: uint8 `(row, column, 3)`.
            tags: boolean `(class,)`, classes that the image shows; None lets the network decide.

        Returns:
            Answer.
        """
        likely, scores, ids = self.decided(maps, image, tags)
        mask = sharpen(self.crf, scores, ids, image, self.num_ids)
        return Answer(tf.cast(mask, tf.uint8), scores, likely)

    def decided(self, maps, image, tags=None) -> tuple:
        """Decides on one image before the CRF.

        Args:
            maps: as in `answer`.
            image: as in `answer`.
            tags: as in `answer`.

        Returns:
            How likely each class is, `(class,)`; scores `(row, column, id)` of all ids; ids int32 `(row, column)`.
        """
        likely, kept, decision, ids = self._decision(maps, image, tags)
        return likely, scores_of_all(decision, kept, self.num_ids), ids

    def _decision(self, maps, image, tags) -> tuple[Any, Any, Decision, Any]:
        """Returns how likely each class is, which count, the rule's Decision and its ids as those of a mask."""
        picture = self.picture(image)
        likely, kept = self.presence(maps, picture)
        if tags is not None:
            kept = tags
        elif self.least > 0:
            kept = kept & (tf.reduce_max(likely) >= self.least)
        classes = tf.cast(tf.reshape(tf.where(kept), [-1]), tf.int32)
        decision = self.decide(maps, picture, classes)
        return likely, kept, decision, mask_ids(decision.ids, classes)

    def masks(self, images: ImageSet, names: Sequence[str], tagged: bool,
              certainty: bool = False, scores: bool = False) -> Iterator[tuple[str, Found | ImageFault]]:
        """Makes the masks of images.

        Args:
            images: the data set.
            names: what to make masks of.
            tagged: whether only the images' own labels count.
            certainty: whether to tell how sure each pixel is, and how likely each class.
            scores: whether to give the scores of all ids.

        Yields:
            Name, and Found or a fault; images of one size come together.
        """
        def seen() -> Iterator[tuple]:
            for part, found in batches_by_size(images, names, lambda size: images_at_a_time(self.view, size)):
                if isinstance(found, ImageFault):
                    yield part[0], found, None, 0.0
                    continue
                try:
                    self.check(found.shape[1:3])
                except UserError as error:
                    yield from ((name, ImageFault(f"{name}: {error}"), None, 0.0) for name in part)
                    continue
                start = time.perf_counter()
                maps = self.see(found)
                share = (time.perf_counter() - start) / len(part)
                for place, name in enumerate(part):
                    yield name, found[place], {key: each[place] for key, each in maps.items()}, share

        def one(item) -> tuple[str, Found | ImageFault]:
            name, image, maps, seconds = item
            if maps is None:
                return name, image
            tags, start = images.multi_hot(name) > 0 if tagged else None, time.perf_counter()
            found = self._found(maps, image, tags, certainty, scores)
            return name, found._replace(seconds=seconds + time.perf_counter() - start)

        return in_threads(one, seen())

    def of_pixels(self, image: np.ndarray, tags: np.ndarray | None = None) -> Found:
        """Makes the mask of one image that is no file, as `masks` does.

        Args:
            image: uint8 `(row, column, 3)`.
            tags: boolean `(class,)`, classes that the image shows; None lets the network decide.

        Returns:
            Found, with certainty and how likely each class is.
        """
        return self._found({key: each[0] for key, each in self.see(image[None]).items()}, image, tags, True, False)

    def _found(self, maps, image: np.ndarray, tags: np.ndarray | None, certainty: bool, scored: bool) -> Found:
        wanted = tags is not None, scored or (self.crf.on and self.crf.certainty is None), certainty
        scores, ids, *sure = self._compiled(*wanted)(maps, image, *(() if tags is None else (tags,)))
        mask = sharpen_arrays(self.crf, scores, ids.numpy(), image, self.num_ids)
        certain, likely = (each.numpy() if certainty else None for each in sure)
        return Found(mask, image, 0.0, certain, likely, scores.numpy() if scored else None)

    @functools.cached_property
    def _compiled(self) -> Callable:
        """Scores, ids, certainty and likely classes for unknown sizes; what nobody asks for is not computed."""
        return functools.cache(self._traced)

    def _traced(self, tagged: bool, scored: bool, certain: bool) -> Callable:
        outputs = {key: maps for look in self.looks for key, maps in look.network.output.items()}
        unknown = {key: tf.TensorSpec((None, None, shape.shape[-1])) for key, shape in outputs.items()}
        maps = {"probabilities": unknown["logits"]} if "logits" in unknown else unknown
        specs = [maps, tf.TensorSpec((None, None, 3), tf.uint8), *[tf.TensorSpec((None,), tf.bool)] * tagged]

        def work(maps, image, tags=None):
            likely, kept, decision, ids = self._decision(maps, image, tags)
            scores = scores_of_all(decision, kept, self.num_ids) if scored else tf.zeros([1])
            if not certain:
                return scores, ids, tf.zeros([1]), tf.zeros([1])
            sure = decision.certainty
            return scores, ids, tf.reduce_max(decision.scores, axis=-1) if sure is None else sure, likely

        return tf.function(work, input_signature=specs, autograph=False)

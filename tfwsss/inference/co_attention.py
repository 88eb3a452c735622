"""Class maps of whole images by what they have in common with others, merged (MCIS)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfwsss.artefacts.scores import Scores
from tfwsss.batches.pairs import draw_references, members_by_class
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.decide.co_attention import merged_maps, reference_maps
from tfwsss.inference.masker import Look
from tfwsss.inference.references import ReferenceFeatures, in_half, stacked
from tfwsss.inference.see import Seer, images_at_a_time
from tfwsss.inference.stream import batches_by_size


class CoAttentionNetworks(NamedTuple):
    """What makes class maps by co-attention.

    Args:
        looks: what is seen of an image: plain class maps and features of it and its other views.
        features: the look that gives a reference's features.
        pairs: of `models.mcis.pair_network`.
    """

    looks: tuple[Look, ...]
    features: Look
    pairs: keras.Model


class CoAttentionMaps:
    """Makes merged class maps of images, each beside references of its classes and beside other views of itself.

    Args:
        networks: what they are made by.
        training: images from which references are drawn.
        references: of each class; 0 for none.
        draw: start of the draw of references.
        corners_aligned: as in `inference.decide.co_attention`.
    """

    def __init__(self, networks: CoAttentionNetworks, training: ImageSet, references: int = 3, draw: int = 0,
                 corners_aligned: bool = False):
        self._training, self._count, self._draw = training, references, draw
        self._members = members_by_class(training)
        self._seers = [Seer(*look) for look in networks.looks]
        self._features = ReferenceFeatures(training, Seer(*networks.features))
        channels = networks.pairs.input["features"].shape[-1]
        keys = {key for look in networks.looks for key in look.network.output} - {"cam"}
        seen = {key: tf.TensorSpec((None, None, channels)) for key in keys}
        labels, others = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,) * 4 + (channels,))
        self._merge = tf.function(
            lambda seen, labels, others=None: merged_maps(networks.pairs, seen, others, labels, corners_aligned),
            autograph=False, input_signature=[seen, labels, *[others] * (references > 0)])
        self._apart = tf.function(
            lambda seen, labels, others: reference_maps(networks.pairs, seen, others, labels), autograph=False,
            input_signature=[seen, labels, others])

    def see(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what is seen of images of one size: plain class maps "cam", and features by view.

        Args:
            images: uint8 `(batch, row, column, 3)`.
        """
        return {key: maps.numpy() for seer in self._seers for key, maps in seer(images).items()}

    def forget(self) -> None:
        """Forgets the features of references, after the network has learnt."""
        self._features.forget()

    def drawn(self, name: str, labels: Sequence[int]) -> list[tuple[str, ...]]:
        """Returns the names of an image's references of each class; they depend on its own name, and on no order.

        Args:
            name: of the image; "" for references that go with the network.
            labels: classes.
        """
        return [draw_references(self._members[label], name, label, self._count, self._draw) for label in labels]

    def merged(self, seen: Mapping[str, np.ndarray], name: str, labels: Sequence[int]) -> np.ndarray:
        """Returns the merged class maps of one image.

        Args:
            seen: of `see`, without the batch's axis.
            name: of the image.
            labels: classes.

        Returns:
            uint8 `(row, column, class)`.
        """
        own = {key: maps for key, maps in seen.items() if key != "cam"}
        others = (self._references(own["features"], name, labels),) if self._count else ()
        return self._merge(own, np.array(labels, np.int32), *others).numpy()

    def apart(self, seen: Mapping[str, np.ndarray], name: str, labels: Sequence[int]) -> dict[str, np.ndarray]:
        """Returns the raw class maps of one image by each of its references.

        Args:
            seen: of `see`, without the batch's axis.
            name: of the image.
            labels: classes.

        Returns:
            For the first, second and further references of all classes: their place, counted from 1, as text, to
            float32 `(class, row, column)`.
        """
        own = {key: maps for key, maps in seen.items() if key != "cam"}
        others = self._references(own["features"], name, labels)
        maps = self._apart(own, np.array(labels, np.int32), others).numpy()
        return {str(1 + place): maps[:, place] for place in range(maps.shape[1])}

    def _references(self, own: np.ndarray, name: str, labels: Sequence[int]) -> np.ndarray:
        """Returns their features, `(class, reference, row, column, channel)`; an image is its own where it has none."""
        drawn = self.drawn(name, labels)
        found = self._features.of(other for names in drawn for other in names)
        return stacked(found, drawn, self._count, own)

    def scores(self, images: ImageSet, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        """Computes the merged maps of the labelled classes of images.

        Args:
            images: the data set.
            names: what to compute.

        Yields:
            Name, and maps in whole numbers 0 to 255 or a fault; images of one size come together.
        """
        view = self._seers[0].view
        for part, found in batches_by_size(images, names, lambda size: images_at_a_time(view, size)):
            if isinstance(found, ImageFault):
                yield part[0], found
                continue
            seen = self.see(found)
            self._keep(part, images, seen["features"])
            self._features.of(other for name in part for some in self.drawn(name, images.labels[name])
                              for other in some)                        # those of the whole batch at once
            for place, name in enumerate(part):
                labels = images.labels[name]
                maps = self.merged({key: each[place] for key, each in seen.items()}, name, labels)
                yield name, Scores(np.array(labels, np.int32), np.moveaxis(maps, -1, 0), found.shape[1:3])

    def _keep(self, names: Sequence[str], images: ImageSet, features: np.ndarray) -> None:
        """Keeps features of images that are references of others too."""
        for name, own in zip(names, features, strict=True):
            if self._count and self._training.images.get(name) == images.images[name]:
                self._features.keep(name, own.copy())

    def kept(self) -> np.ndarray:
        """Returns the features of the references that go with the network.

        Returns:
            float16 `(class, reference, row, column, channel)`; zeros for a class that no image shows.

        Raises:
            UserError: none of them can be read.
        """
        drawn = self.drawn("", range(len(self._members)))
        found = self._features.of(other for names in drawn for other in names)
        if not found:
            raise UserError(f"{self._training.root}: no reference image can be read; see the list of faults")
        found = {name: in_half(features) for name, features in found.items()}
        return stacked(found, drawn, self._count, np.zeros_like(next(iter(found.values()))))

"""The stage from a network of pairs to class maps by co-attention, kept as bytes (MCIS)."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydantic

from tfwsss.artefacts.files import reading, write_atomically
from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.scores import Scores, write_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.co_attention import CoAttentionMaps, CoAttentionNetworks
from tfwsss.inference.masker import Look
from tfwsss.inference.see import stride_of
from tfwsss.inference.views import squares
from tfwsss.logs import LOG
from tfwsss.models.mcis import MCIS, feature_network, pair_network, view_network
from tfwsss.runs.shown import PARTS, shown_names
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import Settings

KEPT = "references.npy"
"""File of the features that go with the network, beside the maps."""


class CoAttentionSettings(Settings):
    """How class maps of whole images are made by what they have in common with others.

    Args:
        side: of the squares to which images are stretched, in pixels.
        references: images of each class beside which an image is seen, drawn from the images trained on; 0 for none.
        self_views: also see an image beside its mirror image and beside itself at 3/4 and twice the side.
        corners_aligned: the network's corners lie on those of its images, as MobileNetV2's do: sides of the other views
            are brought to its stride, and maps to one grid corners on corners; else as published.
        batch_size: images at a time.
        draw: start of the draw of references.
    """

    side: pydantic.PositiveInt = 256
    references: pydantic.NonNegativeInt = 3
    self_views: bool = True
    corners_aligned: bool = False
    batch_size: pydantic.PositiveInt = 4
    draw: pydantic.NonNegativeInt = 0

    @pydantic.model_validator(mode="after")
    def _something_to_see(self) -> "CoAttentionSettings":
        if not self.references and not self.self_views:
            raise ValueError("an image is seen beside nothing; set references to 1 or more, or self_views to true")
        return self

    def edges(self, stride: int) -> dict[str, int]:
        """Returns the sides in pixels of the squares that other views are, by name.

        Args:
            stride: pixels between positions of the network's maps.
        """
        sides = {"smaller": int(0.75 * self.side), "larger": 2 * self.side} if self.self_views else {}
        if self.corners_aligned:
            return {view: max(1, round((side - 1) / stride)) * stride + 1 for view, side in sides.items()}
        return sides


def co_attention_networks(model: MCIS, settings: CoAttentionSettings) -> CoAttentionNetworks:
    """Takes a trained network apart.

    Args:
        model: trained; shares its weights with the result.
        settings: of the maps.

    Returns:
        What is seen of an image, and what compares it with others.
    """
    square = squares(settings.side, batch_size=settings.batch_size, features=True)
    own = feature_network(model)
    looks = [Look(view_network(model, settings.self_views), square)]
    looks += [Look(feature_network(model, view), square._replace(length=edge))
              for view, edge in settings.edges(stride_of(own)).items()]
    return CoAttentionNetworks(tuple(looks), Look(own, square), pair_network(model))


def co_attention_maps(model: MCIS, settings: CoAttentionSettings, training: ImageSet) -> CoAttentionMaps:
    """Returns what makes merged class maps of images.

    Args:
        model: trained.
        settings: of the maps.
        training: images from which references are drawn.
    """
    return CoAttentionMaps(co_attention_networks(model, settings), training, settings.references, settings.draw,
                           settings.corners_aligned)


def co_attention_stage(name: str, images: ImageSet, settings: CoAttentionSettings, source: str,
                       training: ImageSet) -> Stage:
    """Makes the stage that writes class maps by co-attention, merged, in bytes.

    The features of some references of each class are kept beside them in
    `references.npy`: they go with the network wherever it makes masks. Of the images
    that a report shows, `parts/` holds the maps by each reference.

    Args:
        name: of the stage.
        images: what to make maps of.
        settings: of the maps.
        source: stage of the network, a `models.mcis.MCIS`.
        training: images from which references are drawn.

    Returns:
        Stage of kind `scores`, whole numbers 0 to 255.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        maps = co_attention_maps(load_model(inputs[source], MCIS), settings, training)
        if settings.references and not (inputs[name] / KEPT).is_file():
            np.save(buffer := io.BytesIO(), maps.kept())
            write_atomically(inputs[name] / KEPT, buffer.getvalue())
        if settings.references:
            _write_apart(inputs[name] / PARTS, maps, images, names)
        return maps.scores(images, names)

    stage = infer(name, images, kind="scores", settings=settings, needs=(source,), predict=predict)
    return dataclasses.replace(stage, settings={**stage.settings, "training": training.fingerprint()}, alone=False)


def _write_apart(folder: Path, maps: CoAttentionMaps, images: ImageSet, names: Sequence[str]) -> None:
    """Writes the class maps by each reference of the images that a report shows, where they are still to be made."""
    for name in sorted(set(shown_names(images, images.names)) & set(names)):
        try:
            image = images.read_image(name)
        except ImageFault:
            continue                                                      # told where its maps are made
        labels = images.labels[name]
        seen = {key: each[0] for key, each in maps.see(image[None]).items()}
        for place, planes in maps.apart(seen, name, labels).items():
            write_scores(folder / f"by reference {place}", name, Scores(np.array(labels), planes, image.shape[:2]))


def read_kept(folder: Path) -> np.ndarray:
    """Reads the features of the references that go with a network.

    Args:
        folder: of the stage.

    Returns:
        float16 `(class, reference, row, column, channel)`.

    Raises:
        UserError: no such file, or it is broken.
    """
    path = folder / KEPT
    try:
        with reading(path):
            features = np.load(path, allow_pickle=False)
            if features.ndim != 5 or features.dtype != np.float16:
                raise ValueError(f"{features.dtype} {features.shape}")
    except ImageFault as fault:
        raise UserError(f"{fault}; its references are not known: add --redo {folder.name}") from None
    LOG.info("references: %d of each of %d classes, %.1f MiB of features", features.shape[1], len(features),
             features.nbytes / 2**20)
    return features

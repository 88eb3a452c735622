"""The stage of a classifier's class maps: its own, or, to compare with them, those that tf-keras-vis makes of it."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import pydantic

from tfwsss.artefacts.models import load_model
from tfwsss.artefacts.scores import Scores
from tfwsss.backbones.facts import facts_of
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.explained import VERSION, Explainer, check_library
from tfwsss.inference.see import covered, see
from tfwsss.inference.stream import batches_by_size
from tfwsss.models.classifier import Classifier
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.steps.class_maps import SpreadMapSettings, class_map_stage
from tfwsss.steps.classifier import load_class_maps

OWN = "own_cam"
"""Stage of the classifier's own maps, where `cam.maps` asks for others."""


class ExplainedMapSettings(SpreadMapSettings):
    """How a classifier's class maps are made.

    Args:
        maps: `class`, the classifier's own, or `gradcam_plus_plus`, `layercam` or `scorecam`: those that tf-keras-vis
            makes of it (extra `viz`), for images of the run alone; the classifier's own are then scored and shown
            beside them.
        layer: of other maps: name of the layer whose features are weighed; None: the last features. Earlier layers
            have finer ones.
        channels: of `scorecam`: features that are looked at, those that vary most. Each costs a pass of the network
            for each class, scale and mirror image.
    """

    ADDED = ("maps", "layer", "channels")

    maps: Literal["class", "gradcam_plus_plus", "layercam", "scorecam"] = "class"
    layer: str | None = None
    channels: pydantic.PositiveInt = 64

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> "ExplainedMapSettings":
        if self.affinity and self.maps != "class":
            raise ValueError(f"affinity={self.affinity} spreads the classifier's own maps, not those of "
                             f"maps={self.maps}; set one of them")
        return self


def classifier_map_stages(name: str, images: ImageSet, settings: ExplainedMapSettings, source: str) -> list[Stage]:
    """Makes the stages that write class maps of a classifier.

    Args:
        name: of the stage that others read.
        images: what to make maps of.
        settings: which maps, and how images are seen.
        source: stage of the classifier.

    Returns:
        The stage, of kind `scores`; and one of the classifier's own maps, `own_cam`, where others are asked for.

    Raises:
        UserError: tf-keras-vis is needed and not installed.
    """
    fields = type(settings).model_fields
    own = settings.model_copy(update={key: fields[key].default for key in ExplainedMapSettings.ADDED})
    if settings.maps == "class":
        return [class_map_stage(name, images, own, source, load_class_maps)]
    check_library(f"{name}.maps={settings.maps}")

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, Scores | ImageFault]]:
        classifier = load_model(inputs[source], Classifier)
        explainer = Explainer(classifier, settings.maps, settings.layer, settings.channels)
        view = settings.view(facts_of(classifier.backbone.name).colour)
        for (image,), found in batches_by_size(images, names, lambda size: 1):
            if isinstance(found, ImageFault):
                yield image, found
                continue
            classes, size = np.array(images.labels[image], np.int32), found.shape[1:3]
            seen = see(lambda x, classes=classes: {"cam": explainer(x, classes)}, explainer.stride, view, found,
                       len(classes))
            covers = tuple(map(int, covered(explainer.stride, view, size)))
            yield image, Scores(classes, np.moveaxis(np.asarray(seen["cam"][0]), -1, 0), size, covers)

    made = infer(name, images, kind="scores", settings=settings, needs=(source,), predict=predict,
                 versions={"explained_maps": VERSION})
    return [made, class_map_stage(OWN, images, own, source, load_class_maps)]

"""Masks by a rule on maps that earlier stages have kept, one image at a time."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.stream import try_each
from tfwsss.runs.stage import Inputs
from tfwsss.steps.saliency import SaliencyMaps


def kept_masks(decide: KeptRule, images: ImageSet, inputs: Inputs, sources: Mapping[str, str], names: Sequence[str],
               saliency: SaliencyMaps | None = None) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
    """Makes masks of kept maps.

    Args:
        decide: the rule.
        images: the data set.
        inputs: finished artefacts.
        sources: stages of the maps, by the keys under which the rule reads them.
        names: what to make.
        saliency: the saliency maps at which the rule looks; None: at none.

    Returns:
        Names and masks uint8 `(row, column)`, or faults.
    """
    def mask(name: str) -> np.ndarray:
        kept = {key: read_scores(inputs[source], name) for key, source in sources.items()}
        size = next(iter(kept.values())).size
        return decide(kept, saliency=saliency.read(images, inputs, name, size) if saliency else None, name=name)

    return try_each(mask, names)

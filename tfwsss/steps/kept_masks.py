"""Masks by a rule on maps that earlier stages have kept, one image at a time."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.kept import KeptRule
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

    Yields:
        Name and mask uint8 `(row, column)`, or a fault.
    """
    for name in names:
        try:
            kept = {key: read_scores(inputs[source], name) for key, source in sources.items()}
            size = next(iter(kept.values())).size
            yield name, decide(kept, saliency=saliency.read(images, inputs, name, size) if saliency else None)
        except ImageFault as fault:
            yield name, fault

"""Masks of kept class maps by a rule, and the dense CRF from the rule's scores, where it is sure."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pydantic
import tensorflow as tf

from tfwsss.artefacts.scores import read_scores
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault
from tfwsss.inference.decide.decision import scores_of_all
from tfwsss.inference.kept import KeptRule, channels_last
from tfwsss.inference.sharpen import CRF, sharpen_arrays
from tfwsss.inference.stream import try_each
from tfwsss.inference.views import Picture
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.crf import VERSIONS, crf_from_scores
from tfwsss.steps.kept_masks import kept_masks


class ConfidentSettings(Settings):
    """The dense CRF from scores, and what is left open behind it.

    Args:
        crf: begins from the scores; its `certainty` is not read. 0 iterations for none, and nothing is left open.
        certain: pixels whose largest marginal is lower are left open; 0 for none.
    """

    crf: CRFSettings = CRFSettings()
    certain: float = pydantic.Field(0.95, ge=0.0, lt=1.0)


class RuleAndCRF(Settings):
    """All that changes masks of kept class maps: that of the rule, and of the CRF."""

    rule: Settings
    crf: CRFSettings
    certain: float


def confident_crf(settings: ConfidentSettings) -> CRF:
    """Returns the CRF that starts from scores, and leaves pixels open of which it is not sure.

    Args:
        settings: of the CRF.
    """
    return crf_from_scores(settings.crf)._replace(certain=settings.certain)


def scored_mask_stage(name: str, images: ImageSet, settings: Settings, source: str, rule: Callable) -> Stage:
    """Makes the stage of masks by a rule on kept class maps.

    Args:
        name: of the stage.
        images: what to make masks of.
        settings: of the rule.
        source: stage of the class maps.
        rule: see `inference.decide`; reads "cam".

    Returns:
        Stage of kind `masks`.
    """
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        return kept_masks(KeptRule(rule, ("cam",)), images, inputs, {"cam": source}, names)

    return infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict)


def scored_crf_stage(name: str, images: ImageSet, settings: ConfidentSettings, source: str, rule: Callable, *,
                     of_rule: Settings) -> Stage:
    """Makes the stage that sharpens a rule's scores of kept class maps.

    Args:
        name: of the stage.
        images: what to make masks of.
        settings: of the CRF.
        source: stage of the class maps.
        rule: see `inference.decide`; reads "cam".
        of_rule: its settings.

    Returns:
        Stage of kind `masks`; 255 where the CRF is not sure.
    """
    crf, num_ids = confident_crf(settings), len(images.classes)

    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        score = _compiled(rule, num_ids)

        def sharpened(image: str) -> np.ndarray:
            kept, picture = read_scores(inputs[source], image), images.read_image(image)
            if picture.shape[:2] != tuple(kept.size):
                raise ImageFault(f"{image}: an image of {picture.shape[:2]}; its maps are of {kept.size}: make them "
                                 "again")
            shown = np.isin(np.arange(num_ids - 1), kept.classes)
            scores = score(channels_last(kept), shown, np.int32(kept.size), np.int32(kept.covers or kept.size)).numpy()
            return sharpen_arrays(crf, scores, scores.argmax(-1), picture, num_ids)

        return try_each(sharpened, names)

    return infer(name, images, kind="masks", settings=RuleAndCRF(rule=of_rule, **dict(settings)), needs=(source,),
                 predict=predict, versions=VERSIONS)


def _compiled(rule: Callable, num_ids: int) -> Callable:
    """Returns maps of the shown classes to the rule's scores of all ids."""
    def work(maps, shown, size, covers):
        picture = Picture((size[0], size[1]), (covers[0], covers[1]))
        decision = rule({"cam": maps}, picture, tf.range(tf.shape(maps)[-1]))
        return scores_of_all(decision, shown, num_ids)

    pair = tf.TensorSpec((2,), tf.int32)
    return tf.function(work, autograph=False, input_signature=[tf.TensorSpec((None, None, None)),
                                                               tf.TensorSpec((None,), tf.bool), pair, pair])

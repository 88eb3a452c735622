"""From kept class maps to proxy labels: by salient objects, by a threshold, or by a threshold and the dense CRF."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic

from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.decide.proxy_labels import decide_by_proxy_labels
from tfwsss.inference.kept import KeptRule
from tfwsss.inference.sharpen import CRF
from tfwsss.ops.proxy_labels import MCIS_LIMITS, OAA_LIMITS, Limits
from tfwsss.runs.stage import Inputs, Stage, infer
from tfwsss.settings.sections import CRFSettings, Settings
from tfwsss.steps.cam_masks import choose_threshold, chosen_by, threshold_of
from tfwsss.steps.crf import WITHOUT, crf_from_masks, crf_stage
from tfwsss.steps.kept_masks import kept_masks
from tfwsss.steps.saliency import SaliencyMaps


class ProxyLabelSettings(Settings):
    """Rule from class maps to proxy labels, by default with the lines of MCIS: see `ops.proxy_labels`.

    Args:
        background: what tells the background: `saliency` (of `data.saliency`), `threshold`, or `crf` (a threshold,
            then the CRF of `pseudo`); None: saliency where it is given, else `crf`.
        threshold: score of the background without saliency, 0 to 1; None means to choose it without masks.
        corners_aligned: enlarge maps corners on corners, which suits MobileNetV2; else as published.
        conflict, foreground, strong, salient, share: where the rule draws its lines, see `ops.proxy_labels.Limits`.
    """

    background: Literal["saliency", "threshold", "crf"] | None = None
    threshold: float | None = pydantic.Field(0.3, ge=0.0, le=1.0)
    corners_aligned: bool = False
    conflict: float = pydantic.Field(MCIS_LIMITS.conflict, ge=0.0, le=1.0)
    foreground: float = pydantic.Field(MCIS_LIMITS.foreground, ge=0.0, le=1.0)
    strong: float = pydantic.Field(MCIS_LIMITS.strong, ge=0.0, le=1.0)
    salient: int = pydantic.Field(MCIS_LIMITS.salient, ge=0, le=256)
    share: float = pydantic.Field(MCIS_LIMITS.share, ge=0.0, le=1.0)

    @property
    def limits(self) -> Limits:
        """Where the rule draws its lines."""
        return Limits(*(getattr(self, field) for field in Limits._fields))

    def told_by(self, saliency: SaliencyMaps | None) -> str:
        """Returns what tells the background.

        Args:
            saliency: the run's maps; None where it has none.

        Raises:
            UserError: saliency is asked for, and there is none.
        """
        if self.background == "saliency" and saliency is None:
            raise UserError("labels.background is 'saliency' but data.saliency is not set; add "
                            "--set data.saliency=make or =FOLDER, or set labels.background to threshold or crf")
        return self.background or ("crf" if saliency is None else "saliency")


class OAALabelSettings(ProxyLabelSettings):
    """The same rule with the lines of OAA."""

    conflict: float = pydantic.Field(OAA_LIMITS.conflict, ge=0.0, le=1.0)
    strong: float = pydantic.Field(OAA_LIMITS.strong, ge=0.0, le=1.0)


def proxy_label_stages(images: ImageSet, settings: ProxyLabelSettings, crf: CRFSettings, *, source: str,
                       saliency: SaliencyMaps | None = None) -> list[Stage]:
    """Makes the stages that turn kept class maps into the masks `pseudo`.

    Args:
        images: what to make masks of.
        settings: of the rule; the section `labels`.
        crf: that sharpens where `background` is `crf`; the section `pseudo`.
        source: stage of kind `scores` whose maps hold bytes, as `ops.map_merging` gives them.
        saliency: the run's saliency maps of `images`; None: there are none.

    Returns:
        `pseudo`, or `labels` and `pseudo` where the CRF sharpens; of kind `masks`, 255 undecided.

    Raises:
        UserError: saliency is asked for, and there is none.
    """
    told_by = settings.told_by(saliency)
    if told_by == "crf":
        return [_stage("labels", images, settings, source, None), crf_stage("pseudo", images, source="labels",
                                                                             settings=crf)]
    stage = _stage("pseudo", images, settings, source, saliency if told_by == "saliency" else None)
    return [dataclasses.replace(stage, section="labels")]


def _stage(name: str, images: ImageSet, settings: ProxyLabelSettings, source: str,
           saliency: SaliencyMaps | None) -> Stage:
    """Returns the stage of the rule; a threshold that is not set is kept beside its masks, as of class maps."""
    def predict(inputs: Inputs, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray | ImageFault]]:
        threshold = settings.threshold
        if threshold is None:
            threshold = choose_threshold(images, inputs[source], inputs[name])
        decide = KeptRule(_rule(settings, threshold), ("cam",), saliency=saliency is not None)
        return kept_masks(decide, images, inputs, {"cam": source}, names, saliency)

    stage = infer(name, images, kind="masks", settings=settings, needs=(source,), predict=predict,
                  versions=chosen_by(settings))
    stage = dataclasses.replace(stage, alone=settings.threshold is not None)
    return saliency.read_by(stage) if saliency else stage


def proxy_label_rule(settings: ProxyLabelSettings, run: Path,
                     saliency: SaliencyMaps | None = None) -> functools.partial:
    """Returns the rule as a finished run applies it to photographs, which have no saliency map.

    Args:
        settings: of the rule.
        run: folder of the run; the threshold that it chose is read where none is set.
        saliency: of the run's own images: it says which stage has chosen.

    Returns:
        Maps, Picture and classes to a Decision.

    Raises:
        UserError: no threshold is set, and none was kept.
    """
    chosen_by = "labels" if settings.told_by(saliency) == "crf" else "pseudo"
    return _rule(settings, threshold_of(settings, run / chosen_by, "labels"))


def _rule(settings: ProxyLabelSettings, threshold: float) -> functools.partial:
    return functools.partial(decide_by_proxy_labels, settings.limits, threshold,
                             corners_aligned=settings.corners_aligned)


def proxy_label_crf(settings: ProxyLabelSettings, crf: CRFSettings) -> CRF:
    """Returns what sharpens the labels of photographs: the CRF wherever the run has one, or told them by saliency.

    Args:
        settings: of the rule.
        crf: the section `pseudo`.
    """
    return WITHOUT if settings.background == "threshold" else crf_from_masks(crf)

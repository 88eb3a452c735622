"""How `--config auto` sets all that is no training: sizes of maps and superpixels, CRFs, rounds."""

import math

from tfwsss.settings.auto.facts import LARGE, Asked, Choices, Facts
from tfwsss.settings.auto.fits import FITS, fit_of
from tfwsss.settings.sections import MAKE

FEW = 20
"""Fewer images teach no segmentation network anything beyond their own masks."""

_PIXEL, _CRF_PIXEL = 150, 400       # bytes of the squared longer side, of 3:4, that superpixels and the CRF take


def _data(asked: Asked, section: str) -> Choices:
    if asked.facts.alone and asked.method == "icd":
        yield "saliency", MAKE, "all images show the only class: what stands out must tell where it is"


def _maps(asked: Asked, section: str) -> Choices:
    """Canvas and scales of class maps."""
    canvas = 16 * math.ceil(asked.facts.seen / 16) + 1
    fits = f"photographs are {asked.facts.long} pixels long"
    yield "canvas", canvas, f"{fits}, reduced to {asked.facts.seen}" if asked.facts.reduced else fits
    yield "batch_size", min(16, 2 ** round(math.log2(8 * (321 / canvas) ** 2))), "as many canvases as 8 of 321 pixels"
    if not asked.small:
        why = "mean over scales and mirror images"
        yield "scales", [0.75, 1.0, 1.25] if section == "scores" else [1.0, 1.5, 2.0], why
        if asked.method == "icd":
            yield "mirror", True, why


def _regions(asked: Asked, section: str) -> Choices:
    yield "max_regions", 0, "merging costs a pass of the network, and changes under one point"


def _superpixels(asked: Asked, section: str) -> Choices:
    if asked.facts.side > LARGE:
        area, why = (asked.facts.side / 500) ** 2, "published for 500 pixels: as many superpixels of larger photographs"
        yield "scale", round(75 * area, 1), why
        yield "min_size", round(75 * area), why
        yield "sigma", round(0.8 * asked.facts.side / 500, 2), why


def _seeds(asked: Asked, section: str) -> Choices:
    if asked.method == "icd":
        yield "corners_aligned", True, "suits MobileNetV2"
    else:
        yield from _nested("crf", _crf(asked, section))
        if not asked.small:
            yield "segments", 1000, "as clicks and scribbles were measured with MobileNetV2"
            yield "objects_alone", True, "of objects in boxes, class maps confirm too little"
            why = "all on which both CRFs agree: the surest pixels alone teach no borders"
            yield "dropped", 0.05, why
            yield "background", 0.0, why
            yield "certain", 0.0, why


def _labels(asked: Asked, section: str) -> Choices:
    yield from _nested("crf", _crf(asked, section))


def _crf(asked: Asked, section: str) -> Choices:
    """Deviations of a dense CRF, whose pixels are those of the photograph."""
    side, own = asked.facts.long, section == "pseudo"
    near = section == "masks" or (own and asked.method == "icd" and not asked.small)
    words = "3/32 of the longer side, as measured" if near else "5/32 of the longer side, as published"
    yield "position_deviation", float(round((3 if near else 5) / 32 * side)), f"{words}; {side} pixels"
    if own and asked.method == "seam":
        yield "iterations", 10, "the released code has none, and its masks end beside the objects"
    if own and asked.method == "a2gnn" and not asked.small:
        why = "seeds know some pixels better than the graph networks, as measured"
        yield "seed_weight", 0.3, why
        yield "superpixel_weight", 0.9, why
        yield "inside_boxes", True, "boxes are drawn around all objects of a class"
    if side > LARGE:
        published = 2.0 if own and asked.method == "a2gnn" else 3.0
        yield "gaussian_deviation", round(published * side / 500, 1), "published for 500 pixels"
        yield from _large_crf(asked.facts)


def _large_crf(facts: Facts) -> Choices:
    """Iterations of a CRF whose photographs are large."""
    size = f"photographs of {facts.largest} pixels"
    if facts.memory < _CRF_PIXEL * facts.largest ** 2:
        yield "iterations", 0, f"none: of {size} it takes {_CRF_PIXEL * facts.largest ** 2 / 2**30:.1f} GiB"
    else:
        yield "iterations", 5, f"half of the published: of {size} each takes minutes"


def _walk(asked: Asked, section: str) -> Choices:
    if asked.method == "affinitynet" and not asked.small and asked.facts.side <= 400:
        yield "steps", 64, "the published 256 are for 500 pixels, and carry labels over everything"


def _graph(asked: Asked, section: str) -> Choices:
    """Networks of single images, and the walk beside them."""
    if not asked.small:
        why = "half the published width: minutes in place of hours without a graphics card"
        yield "network.width", 128, why
        yield "box_network.width", 128, why
        yield "box_network.epochs", [50, 50], "a third of the published"
        yield "superpixels_alone", ["point", "scribble"], "of clicks, class maps join by the walk"
        why = "by the published 10, attention smears what MobileNetV2's affinities part"
        yield "network.affinity_factor", 80.0, why
        yield "box_network.affinity_factor", 80.0, why
    if not asked.small and asked.facts.side <= 400:
        yield "walk.steps", 16, "the published 64 carry labels over everything"


def _masks(asked: Asked, section: str) -> Choices:
    """How the finished network sees whole photographs."""
    facts, last = asked.facts, section == "masks" and not asked.small
    why = f"learnt of photographs of {facts.long} pixels reduced to {facts.seen}" if facts.reduced else \
        "mean over scales and mirror images"
    factors = (1.0, 0.75, 1.25) if last else (1.0,)
    if facts.reduced:
        factors = tuple(round(facts.seen / facts.long * factor, 4) for factor in factors)
    if facts.reduced or last:
        yield "scales", list(factors), why
    if last:
        yield "mirror", True, why
        yield "crf.iterations", 5, "sharpens the masks of finished networks"
        yield from _nested("crf", _crf(asked, section))


def _rounds(asked: Asked, section: str) -> Choices:
    if asked.facts.images < FEW:
        yield "", 0, f"no segmentation network: {asked.facts.images} images teach it nothing beyond their own masks"


def _workers(asked: Asked, section: str) -> Choices:
    facts = asked.facts
    if facts.side > LARGE:
        each = _PIXEL * facts.largest ** 2
        yield "", max(1, min(facts.cores, facts.memory // each)), f"superpixels of photographs of {facts.largest} " \
            f"pixels take up to {each / 2**30:.1f} GiB a process"


def _devices(asked: Asked, section: str) -> Choices:
    if asked.facts.gpus > 1:
        yield "", asked.facts.gpus, "all graphics cards of the machine"


def _tensorboard(asked: Asked, section: str) -> Choices:
    if asked.facts.side > LARGE:
        yield "panels", 0, "panels show whole photographs, which take minutes at this size"


def _nested(section: str, choices: Choices) -> Choices:
    for key, value, why in choices:
        yield f"{section}.{key}", value, why


RULES = {"data": _data, "superpixels": _superpixels, "regions": _regions, "cam": _maps, "scores": _maps,
         "maps": _maps, "seeds": _seeds, "labels": _labels, "walk": _walk, "graph": _graph, "pseudo": _crf,
         "rounds": _rounds, "masks": _masks, "relabel": _masks, "devices": _devices, "workers": _workers,
         "tensorboard": _tensorboard, **dict.fromkeys(FITS, fit_of)}
"""Section of the settings to what chooses its keys."""

"""How likely a class must be for an image to show anything, chosen on the training tags of a finished run.

Class maps always have a largest class, so that the rules made of them give every
image the one that is likeliest in it. With several classes a tag is seldom
missing; with one class ("bad"), photographs without it ("good") are half of the
work, and each would get a mask. There the run chooses how likely the class must be.
"""

import json
from collections.abc import Sequence

import numpy as np

from tfwsss.artefacts.files import read_json, write_atomically
from tfwsss.artefacts.identity import fingerprint
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.logs import LOG
from tfwsss.methods.opened import PRESENCE, Run
from tfwsss.refine.presence import least_likely
from tfwsss.runs.shown import spread

IMAGES = 100
"""Training images with tags, and as many without, that are asked."""


def choose_presence(run: Run, images: ImageSet) -> None:
    """Writes `presence.json` of a run of one class with negatives; of other runs, what lies there of before is deleted.

    Kept where no stage has changed since.

    Args:
        run: whose stages are finished as far as they go.
        images: its training images.
    """
    names = asked(images)
    if not names:
        (run.folder / PRESENCE).unlink(missing_ok=True)
        return
    made_from = fingerprint([*sorted(_stages(run).items()), names])
    before = read_json(run.folder / PRESENCE) if (run.folder / PRESENCE).is_file() else {}
    if isinstance(before, dict) and before.get("made_from") == made_from:
        return
    least = {}
    for stage, make in run.makers().items():
        try:
            masker = make()
        except UserError:                       # not made yet: the run has ended before
            continue
        LOG.info("presence: %s: %d photographs are looked at again, to choose the score from which one shows '%s'",
                 stage, len(names), images.classes[1])
        found = {name: one for name, one in masker.masks(images, names, tagged=False, certainty=True)
                 if not isinstance(one, ImageFault)}
        shown = np.array([bool(images.labels[name]) for name in found])
        if shown.any() and not shown.all():
            least[stage] = least_likely(np.array([one.likely.max() for one in found.values()]), shown)
            LOG.info("presence: %s: a photograph shows '%s' from a score of %.3f on, chosen on %d with the tag and %d "
                     "without", stage, images.classes[1], least[stage], shown.sum(), (~shown).sum())
    record = {"least": least, "images": len(names), "made_from": made_from}
    write_atomically(run.folder / PRESENCE, json.dumps(record, indent=1).encode())


def asked(images: ImageSet) -> Sequence[str]:
    """Returns the images that a choice is made on; none where there are several classes, or no negatives.

    Args:
        images: to train on.
    """
    shown = [name for name in images.names if images.labels[name]]
    others = [name for name in images.names if not images.labels[name]]
    if images.num_classes != 1 or not shown or not others:
        return []
    return [*spread(shown, IMAGES), *spread(others, IMAGES)]


def _stages(run: Run) -> dict[str, str]:
    """Returns stage to the fingerprint of its record."""
    records = {path.parent.name: read_json(path) for path in run.folder.glob("*/stage.json")}
    return {name: record["fingerprint"] for name, record in records.items()}

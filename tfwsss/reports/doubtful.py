"""Which masks are most doubtful, told without truth: where a network follows the labels that it learned from least."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfwsss.artefacts.files import EXTENSIONS, finished, read_json
from tfwsss.data.corrections import KEY
from tfwsss.runs import journal
from tfwsss.steps.corrections import MASKS


def worst_first(records: Iterable[Mapping[str, Any]], key: str = "agreement") -> list[Mapping[str, Any]]:
    """Returns the records of images that have a figure, the lowest first.

    Args:
        records: name and figures of each image.
        key: the figure; images for which it is None or missing are left out.

    Example:
    >>> records = [{"name": "a", "agreement": 0.9}, {"name": "b", "agreement": 0.2}, {"name": "c", "agreement": None}]
    >>> [record["name"] for record in worst_first(records)]
    ['b', 'a']
    """
    known = [record for record in records if record.get(key) is not None]
    return sorted(known, key=lambda record: (record[key], record["name"]))


def review_of(run: Path, stage: str, split: str) -> list[dict[str, Any]]:
    """Returns what the last network that was shown the images of a stage says of their masks.

    Args:
        run: folder of the run.
        stage: of masks; its own review, or that of a later network.
        split: which images the stage has.

    Returns:
        For each image `name`, `agreement`, `confidence` and `coverage`; empty where no network has learnt from labels.
        Images of which a person has corrected the mask are left out.
    """
    own = run / stage / journal.REVIEW
    others = [path for path in run.glob(f"*/{journal.REVIEW}") if _split(path.parent) == split]
    found = [own] if own.is_file() else sorted(others, key=lambda path: (path.parent / "stage.json").stat().st_mtime)
    shown = {path.relative_to(run / stage).with_suffix("").as_posix()
             for path in (run / stage).rglob(f"*{EXTENSIONS['masks']}")}
    shown -= finished(run / "given" / KEY / MASKS, "masks", shown)
    return [record for record in journal.read(found[-1]).values() if record["name"] in shown] if found else []


def _split(folder: Path) -> str | None:
    """Returns which images a finished stage has."""
    path = folder / "stage.json"
    return read_json(path).get("split", "pseudo") if path.is_file() else None

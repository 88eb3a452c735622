"""What `predict` tells of its masks: a line an image as it comes, and tables of all at the end."""

import collections
import contextlib
import csv
import io
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfwsss.annotations.parts import parts_of
from tfwsss.artefacts.files import finished, path_of, png_bytes, write_atomically
from tfwsss.inference.found import Found
from tfwsss.logs import LOG
from tfwsss.palette import IGNORE
from tfwsss.runs import journal

JOURNAL, TABLE, WHOLE, MAPS = "predictions.jsonl", "predictions.csv", "predictions.json", "probabilities"
"""The lines; all of them as a table, and as one JSON document; and the folder of probabilities."""

COLUMNS = ("image", "class", "score", "area", "parts", "confidence", "milliseconds")
"""A row for each class of a mask, background among them."""


class Predictions:
    """What is known of the masks of a folder.

    Args:
        out: folder of the masks.
        classes: in the order of the mask ids, background first.
        probability: whether probabilities are written, `out/probabilities/<image>/<id> <class>.png`.
    """

    def __init__(self, out: Path, classes: Sequence[str], probability: bool = False):
        self._out, self._classes, self._probability = out, tuple(classes), probability
        self._known, self._lock = journal.read(out / JOURNAL), threading.Lock()

    def missing(self, names: Sequence[str]) -> set[str]:
        """Finds the images of which nothing is known, or whose probabilities are asked for and not there.

        Args:
            names: of images that have a mask.

        Returns:
            Those of the names whose mask is to be made again; a line of the log says how many.
        """
        found = {name for name in names if name not in self._known
                 or (self._probability and not self._plane(name, 0).is_file())}
        if found:
            LOG.info("predict: %d masks are made again, for what is to be told of them", len(found))
        return found

    def note(self, name: str, found: Found) -> None:
        """Writes what is to be told of a mask, in place of what was told of the one before it.

        Args:
            name: of the image.
            found: with certainty, and with scores where probabilities are written.
        """
        self._forget(name)
        if self._probability:
            self._write_probabilities(name, found)
        record = {"name": name, **described(found, self._classes)}
        with self._lock:
            journal.append(self._out / JOURNAL, record)
            self._known[name] = record

    def close(self, whole: bool = False) -> None:
        """Writes the table of all masks that lie there, by name, and the journal anew.

        Args:
            whole: whether all is written as one JSON document too.
        """
        there = finished(self._out / "masks", "masks", self._known)
        for name in self._known.keys() - there:
            self._forget(name)
        records = [self._known[name] for name in sorted(there)]
        journal.write(self._out / JOURNAL, records)
        table = csv.writer(text := io.StringIO(), lineterminator="\n")
        table.writerow(COLUMNS)
        for record in records:
            table.writerows([record["name"], *row.values(), record["milliseconds"]] for row in record["classes"])
        write_atomically(self._out / TABLE, text.getvalue().encode())
        if whole:
            write_atomically(self._out / WHOLE, json.dumps(records, ensure_ascii=False, indent=1).encode())

    def _plane(self, name: str, class_id: int) -> Path:
        title = self._classes[class_id].replace("/", "_")
        return path_of(self._out / MAPS, "images", f"{name}/{class_id} {title}")

    def _forget(self, name: str) -> None:
        """Deletes an image's probabilities, not the folders beside them: images below a folder of that name."""
        folder = self._plane(name, 0).parent
        for path in folder.glob("*.png"):
            if path.is_file():                                          # a folder may be called so, too
                path.unlink()
        if not self._probability:                                       # else another thread may need it this moment
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _write_probabilities(self, name: str, found: Found) -> None:
        """Writes a grey PNG for each class that counts, 255 = 1."""
        for class_id in range(len(self._classes)):
            plane = found.scores[..., class_id]
            if class_id == 0 or plane.any():
                picture = Image.fromarray((np.clip(plane, 0, 1) * 255 + 0.5).astype(np.uint8))
                write_atomically(self._plane(name, class_id), png_bytes(picture))


def described(found: Found, classes: Sequence[str]) -> dict[str, Any]:
    """Returns what is to be told of a mask.

    Args:
        found: with certainty.
        classes: in the order of the mask ids, background first.

    Returns:
        `size`, columns and rows; `milliseconds`; `undecided`, a share of the area; `scores`, how likely the image
        shows each class; `classes`, for each class of the mask `class`, `score`, `area` (a share), `parts` (connected
        ones, None of background) and `confidence`, the mean certainty of its pixels.
    """
    scores = dict(zip(classes[1:], (round(float(value), 4) for value in found.likely), strict=True))
    return {"size": [found.mask.shape[1], found.mask.shape[0]], "milliseconds": round(1000 * found.seconds, 1),
            "undecided": float(np.mean(found.mask == IGNORE)), "scores": scores,
            "classes": list(_rows(found, classes, scores))}


def _rows(found: Found, classes: Sequence[str], scores: dict[str, float]) -> Iterator[dict[str, Any]]:
    parts = collections.Counter(part.class_id for part in parts_of(found.mask))
    for class_id in sorted(set(np.unique(found.mask).tolist()) - {IGNORE}):
        inside = found.mask == class_id
        name = classes[class_id]
        yield {"class": name, "score": scores.get(name), "area": round(float(inside.mean()), 6),
               "parts": parts.get(class_id), "confidence": round(float(found.certainty[inside].mean()), 4)}

"""The list of photographs without a mask: one CSV file, an image and its reason a row."""

import csv
import io
from collections.abc import Iterable

from tfwsss.scale import places
from tfwsss.scale.job import FAULTS, Job

COLUMNS = ("image", "reason")


def write(job: Job, found: Iterable[tuple[str, str]]) -> None:
    """Writes the list, by name; without faults it holds its header alone.

    Args:
        job: the work.
        found: path below the base as it can be shown, and reason.

    Raises:
        UserError: it cannot be written.
    """
    table = csv.writer(text := io.StringIO(), lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(sorted(found))
    places.write(job.out + FAULTS, text.getvalue().encode())


def read(job: Job, most: int) -> dict[str, str]:
    """Returns the first faults of the list.

    Args:
        job: the work.
        most: number of them.
    """
    rows = csv.reader(io.StringIO(places.read(job.out + FAULTS).decode(), newline=""))
    next(rows, None)
    return dict(row for row, _ in zip(rows, range(most), strict=False))

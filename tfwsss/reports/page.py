"""Writes the page of a run: what ran, what came out, how it looks. It opens offline and holds no script."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from tfwsss.artefacts.files import write_atomically
from tfwsss.errors import UserError
from tfwsss.reports.facts import gather


def write_report(run: Path) -> Path:
    """Writes the page of a run, finished or not, with true masks or without.

    Figures come from the run's JSON files; pictures from its artefacts and the
    images. Where the images have moved, the page says so and has no pictures.

    Args:
        run: folder of the run.

    Returns:
        Path of the page, `run/report.html`.

    Raises:
        UserError: the folder is no run, one of its JSON files is broken, or the page cannot be written.
    """
    run = Path(run)
    if not (run / "config.json").is_file():
        raise UserError(f"{run}: is no run, it has no config.json; name the folder that `tfwsss.train` printed")
    templates = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True, loader=templates)
    environment.filters.update(percent=_percent, points=_points, duration=_duration, moment=_moment, in_words=_in_words)
    page = environment.get_template("report.html").render(gather(run))
    write_atomically(run / "report.html", page.encode())
    return run / "report.html"


def _in_words(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Yields the keys that are set, as `--set` takes them, and their values for people."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _in_words(value, f"{prefix}{key}.")
        elif isinstance(value, bool):
            yield prefix + key, "yes" if value else "no"
        elif value is not None:
            yield prefix + key, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _points(difference: float | None) -> str:
    return "–" if difference is None else f"{round(100 * difference, 1) + 0.0:+.1f}".replace("-", "−")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"


def _moment(text: str | None) -> str:
    if text is None:
        return "–"
    return text[:16].replace("T", " ") + (" UTC" if text.endswith("+00:00") else "")

"""One HTML page of a run: what ran, what came out, how it looks. It opens offline and holds no script."""

import argparse
import datetime
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss.artefacts import finished, write_atomically
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.evaluate import SCORERS, images_of_run
from tfwsss.palette import IGNORE
from tfwsss.scoring import dominant_class

PICTURES, WORST, SAMPLE = 12, 6, 300
"""Images shown, worst images shown, masks read to find them."""



def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `python -m tfwsss.report`.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    try:
        print(write_report(options.run))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.report`."""
    parser = argparse.ArgumentParser("python -m tfwsss.report", description="Writes RUN/report.html, one page that "
                                     "opens offline, and prints its path. The run need not be finished.")
    parser.add_argument("run", type=Path, help="folder of the run")
    return parser


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
    import jinja2

    run = Path(run)
    if not (run / "config.json").is_file():
        raise UserError(f"{run}: is no run, it has no config.json; name the folder that `tfwsss.train` printed")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True, loader=jinja2.FileSystemLoader(Path(__file__).parent))
    environment.filters.update(percent=_percent, points=_points, duration=_duration, moment=_moment)
    page = environment.get_template("templates/report.html").render(_facts(run))
    write_atomically(run / "report.html", page.encode())
    return run / "report.html"


def _facts(run: Path) -> dict[str, Any]:
    """Gathers all that the page shows."""
    record, metrics = _read(run / "config.json", {}), _read(run / "metrics.json", {})
    config = record.get("config", {})
    stages, (images, trouble) = _stages(run), _images(run)
    shown = {stage["name"]: (stage["kind"], run / stage["name"]) for stage in stages if stage["kind"] in SCORERS}
    scored = {name: metrics[name] for name in [*shown, *(set(metrics) - set(shown))] if name in metrics}
    baseline = "cam" if "cam" in scored else next(iter(scored), None)
    names = _dict_of_names(images, shown)
    return {"run": run.resolve().name, "record": record, "config": config,
            "config_text": json.dumps(config, indent=2, ensure_ascii=False),
            "written": datetime.datetime.now(datetime.UTC).isoformat(),
            "stages": stages, "scored": scored, "baseline": baseline,
            "classes": _best_by_class(scored),
            "images": images, "trouble": trouble, "saliency": _values_of("saliency", config),
            "faults": _faults(run, stages, metrics), "warnings": _warnings(scored, shown, images, names),
            "threshold_chart": _threshold_chart(scored), "histories": _histories(run, stages),
            **_pictures(shown, images, names), "ignore": IGNORE}


def _read(path: Path, default: Any) -> Any:
    """Returns what a JSON file holds, or the default where there is none yet."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore it, or run the training again") from error


def _stages(run: Path) -> list[dict[str, Any]]:
    """Returns finished stages by date, then those that have begun."""
    folders = [path for path in sorted(run.iterdir()) if path.is_dir()]
    records = [_read(path / "stage.json", None) or _read(path / "started.json", None) for path in folders]
    found = [{"finished": None, "seconds": None, "faults": {}, **record} for record in records if record]
    return sorted(found, key=lambda stage: stage["finished"] or "later than any date")


def _images(run: Path) -> tuple[ImageSet | None, str | None]:
    try:
        return images_of_run(run), None
    except (UserError, OSError) as error:
        return None, str(error)


def _dict_of_names(images: ImageSet | None, shown: Mapping[str, tuple[str, Path]]) -> dict[str, list[str]]:
    """Returns, for every stage with pictures, the names that it has finished, in the order of the image set."""
    if images is None:
        return {}
    done = {stage: finished(folder, kind, images.names) for stage, (kind, folder) in shown.items()}
    return {stage: [name for name in images.names if name in names] for stage, names in done.items()}


def _pictures(shown: Mapping[str, tuple[str, Path]], images: ImageSet | None,
              names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Draws fixed images through all stages, and those on which the last masks are worst."""
    from tfwsss.gallery import image_ious, rows, spread

    facts: dict[str, Any] = {"rows": [], "worst": [], "unread": [], "examined": 0, "legend": []}
    if images is None or not any(names.values()):
        return facts
    last = next(stage for stage in reversed(names) if names[stage])
    known = [name for name in names[last] if name in images.masks]
    facts["rows"], facts["unread"] = rows(shown, images, spread(known or names[last], PICTURES))
    masks = [stage for stage, (kind, _) in shown.items() if kind == "masks" and names[stage]]
    if masks and known:
        ious = image_ious(shown[masks[-1]][1], images, spread(names[masks[-1]], SAMPLE))
        facts["examined"] = len(ious)
        facts["worst"], unread = rows(shown, images, list(ious)[:WORST])
        facts["unread"] += unread
    facts["legend"] = [(name, "rgb({}, {}, {})".format(*images.palette[place].tolist()))
                       for place, name in [*enumerate(images.classes), (IGNORE, "ignore")] if place]
    return facts


def _warnings(scored: Mapping[str, Any], shown: Mapping[str, tuple[str, Path]], images: ImageSet | None,
              names: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns what a reader should know first; masks without truth are sampled for it."""
    from tfwsss.gallery import mask_shares, spread

    found = [f"{stage}: {line}" for stage, score in scored.items() for line in score.get("warnings", ())]
    for stage, (kind, folder) in shown.items():
        if images is not None and kind == "masks" and stage not in scored and names[stage]:
            line = dominant_class(mask_shares(folder, images.classes, spread(names[stage], SAMPLE)))
            found += [f"{stage}: {line}"] if line else []
    return found


def _faults(run: Path, stages: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns (where, image, message) of everything that was left out, each once."""
    found = [(stage["name"], name, message) for stage in stages for name, message in stage["faults"].items()]
    told = {(name, message) for _, name, message in found}
    found = [("data", *pair) for pair in _read(run / "faults.json", {}).items() if pair not in told] + found
    return found + [(f"scoring of {stage}", name, message) for stage, score in metrics.items()
                    for name, message in score.get("faults", {}).items()]


def _threshold_chart(scored: Mapping[str, Any]) -> str | None:
    from tfwsss.curves import threshold_chart
    from tfwsss.gallery import data_address

    curves = {stage: score["curve"] for stage, score in scored.items() if score.get("curve")}
    chosen = {stage: scored[stage]["threshold_without_masks"] for stage in curves
              if scored[stage].get("threshold_without_masks") is not None}
    return data_address(threshold_chart(curves, chosen), "image/svg+xml") if curves else None


def _histories(run: Path, stages: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, str]]:
    """Returns stage to the number of its epochs and its chart."""
    from tfwsss.curves import history_chart
    from tfwsss.gallery import data_address

    histories = {stage["name"]: _read(run / stage["name"] / "history.json", []) for stage in stages}
    return {name: (len(history), data_address(history_chart(history), "image/svg+xml"))
            for name, history in histories.items() if history}


def _best_by_class(scored: Mapping[str, Any]) -> dict[str, float | None]:
    names = dict.fromkeys(name for score in scored.values() for name in score["iou"])
    values = {name: [score["iou"].get(name) for score in scored.values()] for name in names}
    return {name: max((x for x in found if x is not None), default=None) for name, found in values.items()}


def _values_of(key: str, settings: Mapping[str, Any]) -> list[str]:
    """Returns the values that a key has anywhere in nested settings, without empty ones."""
    found = [str(settings[key])] if settings.get(key) and not isinstance(settings[key], Mapping) else []
    sections = [value for value in settings.values() if isinstance(value, Mapping)]
    return found + [text for section in sections for text in _values_of(key, section)]


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


if __name__ == "__main__":
    sys.exit(main())

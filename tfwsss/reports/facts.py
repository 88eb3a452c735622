"""What the page of a run tells: gathered from the run's JSON files, its artefacts and its images."""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss.artefacts.files import finished, read_json
from tfwsss.data.image_set import ImageSet
from tfwsss.data.label_counts import in_tables
from tfwsss.errors import UserError
from tfwsss.logs import told_before
from tfwsss.palette import IGNORE
from tfwsss.reports.doubtful import worst_first
from tfwsss.reports.evaluate import images_of_run
from tfwsss.runs import doubts, journal, without_truth
from tfwsss.runs.recognition import recognised, unknown
from tfwsss.runs.scoring import KINDS
from tfwsss.runs.shown import part_folders, shown_names, spread
from tfwsss.settings.sections import MAKE

WORST, SAMPLE = 6, 300
"""Worst images shown, masks read to find them."""

DISAGREEING = 20
"""Images named of those on which network and labels disagree."""

USES = {"training": "to train on", "pseudo": "to make pseudo labels of", "val": "to segment without tags"}
"""What the images of a split are for."""

_TITLES = {"training": "Images to train on", "pseudo": "Images with pseudo labels", "val": "Segmented without tags"}

_Shown = Mapping[str, Mapping[str, tuple[str, Path]]]       # split to its stages with pictures: kind and folder


def gather(run: Path) -> dict[str, Any]:
    """Gathers all that the page of a run shows.

    Args:
        run: folder of the run, finished or not.

    Returns:
        The values of `templates/report.html`.

    Raises:
        UserError: one of the run's JSON files is broken.
    """
    record, metrics = _read(run / "config.json", {}), _read(run / "metrics.json", {})
    config, stages = record.get("config", {}), _stages(run)
    shown = _shown(run, stages)
    images, trouble = _images(run, shown or ["pseudo"])
    names = _finished_names(images, shown)
    scored = {name: metrics[name] for name in [*(stage["name"] for stage in stages), *metrics] if name in metrics}
    splits = dict.fromkeys(scored, "pseudo") | {name: split for split, group in shown.items() for name in group}
    comparable = _comparable(scored, splits)
    classes = record.get("classes", ())[1:]
    words = {stage["name"]: found for stage in stages if (found := recognised(run / stage["name"], classes))}
    return {"run": run.resolve().name, "record": record, "config": config,
            "config_text": json.dumps(config, indent=2, ensure_ascii=False),
            "written": datetime.datetime.now(datetime.UTC).isoformat(),
            "stages": stages, "scored": scored, "splits": splits, "uses": USES,
            "baselines": {name: "cam" if "cam" in group else group[0] for group in comparable for name in group},
            "classes": list(dict.fromkeys(name for score in scored.values() for name in score["iou"])),
            "without_truth": _without_truth(run, scored),
            "best": _best(scored, comparable), "images": images, "trouble": trouble,
            "saliency": _saliency(config, stages), "labels": in_tables(record.get("labels", {})),
            "faults": _faults(run, stages, metrics),
            "warnings": [*record.get("doubts", ()), *_doubtful_trainings(run, stages),
                         *(line for each in words.values() for line in unknown(each)),
                         *_warnings(scored, shown, images)],
            "threshold_chart": _threshold_chart(scored),
            "histories": _histories(run, stages), "reviews": _reviews(run, stages), "recognised": words,
            **_pictures(shown, images, names)}


def _read(path: Path, default: Any) -> Any:
    """Returns what a JSON file holds, or the default where there is none yet."""
    return read_json(path, "restore it, or run the training again") if path.exists() else default


def _stages(run: Path) -> list[dict[str, Any]]:
    """Returns finished stages by date, then those that have begun; before there were splits all were `pseudo`."""
    folders = [path for path in sorted(run.iterdir()) if path.is_dir()]
    records = [_read(path / "stage.json", None) or _read(path / "started.json", None) for path in folders]
    without = {"finished": None, "seconds": None, "faults": {}, "split": "pseudo"}
    found = [{**without, **record} for record in records if record]
    return sorted(found, key=lambda stage: stage["finished"] or "later than any date")


def _shown(run: Path, stages: Sequence[Mapping[str, Any]]) -> _Shown:
    found: dict[str, dict[str, tuple[str, Path]]] = {}
    for stage in stages:
        if stage["kind"] in (*KINDS, "saliency"):
            folders = {stage["name"]: run / stage["name"]}
            folders |= {f"{stage['name']}, {part}": path for part, path in part_folders(run / stage["name"]).items()}
            found.setdefault(stage["split"], {}).update({title: (stage["kind"], folders[title]) for title in folders})
    return found


def _images(run: Path, splits: Iterable[str]) -> tuple[dict[str, ImageSet], list[str]]:
    """Returns the images by split, and what hinders others, each message once."""
    images, trouble = {}, {}
    for split in splits:
        try:
            with told_before():
                images[split] = images_of_run(run, split)
        except (UserError, OSError) as error:
            trouble[str(error)] = split
    return images, list(trouble)


def _finished_names(images: Mapping[str, ImageSet], shown: _Shown) -> dict[str, list[str]]:
    """Returns, for every stage with pictures, the names that it has finished, in the order of its image set."""
    found = {}
    for split, those in images.items():
        for stage, (kind, folder) in shown.get(split, {}).items():
            done = finished(folder, kind, those.names)
            found[stage] = [name for name in those.names if name in done]
    return found


def _comparable(scored: Mapping[str, Any], splits: Mapping[str, str]) -> list[list[str]]:
    """Returns the scored stages, those together that are scored against the same images."""
    groups: dict[str, list[str]] = {}
    for name in scored:
        groups.setdefault(splits[name], []).append(name)
    return list(groups.values())


def _best(scored: Mapping[str, Any], comparable: Sequence[Sequence[str]]) -> set[tuple[str, str]]:
    """Returns the pairs of stage and class with the highest IoU of a class, where there is something to compare."""
    best = set()
    for group in comparable:
        for name in dict.fromkeys(name for stage in group for name in scored[stage]["iou"]):
            values = {stage: value for stage in group if (value := scored[stage]["iou"].get(name)) is not None}
            best |= {(stage, name) for stage in values if values[stage] == max(values.values()) and len(group) > 1}
    return best


def _pictures(shown: _Shown, images: Mapping[str, ImageSet], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Draws, for each split, fixed images through its stages, and those on which its last masks are worst."""
    galleries = [{"title": _TITLES.get(split, split), **_gallery(shown[split], those, names)}
                 for split, those in images.items() if any(names[stage] for stage in shown.get(split, ()))]
    palette = next(iter(images.values())) if galleries else None
    legend = [(name, "rgb({}, {}, {})".format(*palette.palette[place].tolist()))
              for place, name in [*enumerate(palette.classes), (IGNORE, "ignore")] if place] if palette else []
    return {"galleries": galleries, "legend": legend, "unread": [line for one in galleries for line in one["unread"]]}


def _gallery(stages: Mapping[str, tuple[str, Path]], images: ImageSet,
             names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    from tfwsss.reports.gallery import image_ious, rows

    last = next(stage for stage in reversed(stages) if names[stage])
    known = [name for name in names[last] if name in images.masks]
    fixed, unread = rows(stages, images, shown_names(images, names[last]))
    masks = [stage for stage, (kind, _) in stages.items() if kind == "masks" and names[stage]]
    ious: Mapping[str, float] = {}
    if masks and known:
        ious = image_ious(stages[masks[-1]][1], images, spread(names[masks[-1]], SAMPLE))
    worst, further = rows(stages, images, list(ious)[:WORST])
    return {"rows": fixed, "worst": worst, "examined": len(ious), "unread": unread + further}


def _doubtful_trainings(run: Path, stages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns what a reader should know of trainings that have ended."""
    return [f"{stage['name']}: {line}" for stage in stages if stage["kind"] == "model"
            for line in doubts.of_training(_read(run / stage["name"] / "history.json", []))]


def _warnings(scored: Mapping[str, Any], shown: _Shown, images: Mapping[str, ImageSet]) -> list[str]:
    """Returns what a reader should know first; masks without truth are sampled for it."""
    found = [f"{stage}: {line}" for stage, score in scored.items() for line in score.get("warnings", ())]
    for split, those in images.items():
        for stage, (kind, folder) in shown.get(split, {}).items():
            if kind == "masks" and stage not in scored:
                found += [f"{stage}: {line}" for line in doubts.of_masks(folder, those)]
    return found


def _without_truth(run: Path, scored: Mapping[str, Any]) -> dict[str, str]:
    """Returns one line on the masks of each stage that no truth has scored."""
    found = _read(run / without_truth.FILE, {})
    return {stage: without_truth.in_words(record) for stage, record in found.items()
            if stage not in scored and (run / stage / "stage.json").is_file()}


def _faults(run: Path, stages: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns (where, image, message) of everything that was left out, each once."""
    found = [(stage["name"], name, message) for stage in stages for name, message in stage["faults"].items()]
    told = {(name, message) for _, name, message in found}
    found = [("data", *pair) for pair in _read(run / "faults.json", {}).items() if pair not in told] + found
    return found + [(f"scoring of {stage}", name, message) for stage, score in metrics.items()
                    for name, message in score.get("faults", {}).items()]


def _threshold_chart(scored: Mapping[str, Any]) -> str | None:
    from tfwsss.reports.charts import threshold_chart
    from tfwsss.reports.gallery import data_address

    curves = {stage: score["curve"] for stage, score in scored.items() if score.get("curve")}
    chosen = {stage: scored[stage]["threshold_without_masks"] for stage in curves
              if scored[stage].get("threshold_without_masks") is not None}
    return data_address(threshold_chart(curves, chosen), "image/svg+xml") if curves else None


def _histories(run: Path, stages: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, str]]:
    """Returns stage to the number of its epochs and its chart."""
    from tfwsss.reports.charts import history_chart
    from tfwsss.reports.gallery import data_address

    histories = {stage["name"]: _read(run / stage["name"] / "history.json", []) for stage in stages}
    return {name: (len(history), data_address(history_chart(history), "image/svg+xml"))
            for name, history in histories.items() if history}


def _reviews(run: Path, stages: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns, for each round, how sure the network is, how far it follows its labels, and where it does least."""
    found = {}
    for stage in stages:
        records = list(journal.read(run / stage["name"] / journal.REVIEW).values()) if stage["finished"] else []
        if records:
            followed = worst_first(records)
            means = {key: float(np.mean([record[key] for record in records])) for key in ("confidence", "coverage")}
            agreement = float(np.mean([record["agreement"] for record in followed])) if followed else None
            found[stage["name"]] = {"images": len(records), **means, "agreement": agreement,
                                    "disagreeing": followed[:DISAGREEING]}
    return found


def _saliency(config: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> str:
    """Says where the saliency maps of a run come from, and of those made by itself how."""
    found = [f"from {value}, given by the user" for value in _values_of("saliency", config) if value != MAKE]
    made = [stage for stage in stages if stage["kind"] == "saliency"]
    told = [", ".join(f"{key} {value}" for key, value in stage["settings"].items() if key not in ("images", "seed"))
            for stage in made]
    return "; ".join([*found, *(f"made by this run, see refine.saliency: {text}" for text in told)]) or "none used"


def _values_of(key: str, settings: Mapping[str, Any]) -> list[str]:
    """Returns the values that a key has anywhere in nested settings, without empty ones."""
    found = [str(settings[key])] if settings.get(key) and not isinstance(settings[key], Mapping) else []
    sections = [value for value in settings.values() if isinstance(value, Mapping)]
    return found + [text for section in sections for text in _values_of(key, section)]

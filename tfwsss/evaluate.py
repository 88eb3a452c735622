"""Mean IoU of any masks or scores: of a run's stage, or of a folder that somebody else wrote."""

import argparse
import contextlib
import functools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss import cli
from tfwsss.artefacts.files import EXTENSIONS
from tfwsss.data.image_set import ImageSet
from tfwsss.data.labels import read_classes, read_lines
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette
from tfwsss.runs.scoring import Progress, score_masks, score_scores

SCORERS = {"masks": score_masks, "scores": score_scores}
"""Kinds of artefact that have a mean IoU, and who computes it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `python -m tfwsss.evaluate`.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 1 if some images could not be scored, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    return cli.finish(functools.partial(_evaluate, build_parser().parse_args(arguments)))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.evaluate`."""
    parser = argparse.ArgumentParser("python -m tfwsss.evaluate", description="Mean IoU of masks or class maps.")
    parser.add_argument("folder", type=Path, help="a run, or a folder of masks (PNG) or scores (npz)")
    parser.add_argument("--stage", help="stage of the run; by default its last one that made masks or scores")
    parser.add_argument("--truth", type=Path, metavar="FOLDER", help="true masks (PNG of class ids); by default those "
                        "of the run's own images")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names, one a line in the order of the mask "
                        "ids, background first; needed with --truth")
    parser.add_argument("--names", type=Path, metavar="FILE", help="list of the names to score; by default all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def images_of_run(run: Path, split: str = "pseudo") -> ImageSet:
    """Returns the images of a run by what they are for.

    Args:
        run: folder of the run.
        split: field of `data.sources.Splits`.

    Returns:
        ImageSet.

    Raises:
        UserError: the run's configuration or its data cannot be read, or it has no such images.
    """
    from tfwsss import logs

    with logs.quiet_loading():
        from tfwsss.methods.opened import load_run  # pydantic and the data: not loaded for --help

    return load_run(run).images(split)


def images_of_masks(truth: Path, classes: Path) -> ImageSet:
    """Returns an image set that has masks only: enough to score against.

    Args:
        truth: folder of PNG masks, searched with its sub-folders.
        classes: file of class names.

    Returns:
        ImageSet without image-level labels; names are the masks' paths without ending.

    Raises:
        UserError: there is no mask, or the class names cannot be read.
    """
    masks = {path.relative_to(truth).with_suffix("").as_posix(): path for path in sorted(truth.rglob("*.png"))}
    if not masks:
        raise UserError(f"--truth {truth}: no PNG there; name the folder of the true masks")
    return ImageSet(tuple(masks), truth, read_classes(classes), voc_palette(), images=masks,
                    labels=dict.fromkeys(masks, ()), masks=masks)


def _evaluate(options: argparse.Namespace) -> int:
    folder, kind, images = _subject(options)
    with _progress_bar() as progress:
        score = {"folder": str(folder), **SCORERS[kind](folder, images, progress=progress)}
    print(json.dumps(score, ensure_ascii=False, allow_nan=False) if options.json else _as_text(score))
    for line in score["warnings"]:
        print(f"warning: {line}", file=sys.stderr)
    return cli.list_faults(score["faults"])


def _subject(options: argparse.Namespace) -> tuple[Path, str, ImageSet]:
    """Returns folder and kind of the artefact to score, and the image set to score it against."""
    run, folder, kind, split = options.folder, options.folder, None, "pseudo"
    if not run.is_dir():
        raise UserError(f"{run}: no such folder; name a run or a folder of masks or scores")
    is_run = (run / "config.json").is_file()
    if is_run:
        folder, kind, split = _stage_of(run, options.stage)
    elif options.stage:
        raise UserError(f"--stage {options.stage}: {run} is no run, it has no config.json; leave --stage out")
    if (options.truth is None) != (options.classes is None):
        raise UserError("--truth and --classes go together: a folder of masks and the names of their ids")
    if options.truth is None and not is_run:
        raise UserError(f"{run}: is no run, it has no config.json; add --truth FOLDER --classes FILE")
    images = images_of_masks(options.truth, options.classes) if options.truth else images_of_run(run, split)
    if options.names:
        images = images.subset(read_lines(options.names))
    return folder, kind or _kind_of(folder), images


def _stage_of(run: Path, name: str | None) -> tuple[Path, str | None, str]:
    """Returns folder, kind and images of a stage; without a name, of the last finished one that can be scored."""
    if name is None:
        records = [json.loads(path.read_text(encoding="utf-8")) for path in run.glob("*/stage.json")]
        records = [record for record in records if record.get("kind") in SCORERS]
        if not records:
            raise UserError(f"{run}: no finished stage has masks or scores; name an unfinished one by --stage")
        name = max(records, key=lambda record: record["finished"])["name"]
    if name not in [path.name for path in run.iterdir() if path.is_dir()]:
        raise UserError(f"--stage {name}: {run} has no such stage")
    records = [path for path in (run / name / "stage.json", run / name / "started.json") if path.is_file()]
    record = json.loads(records[0].read_text(encoding="utf-8")) if records else {}
    kind = record.get("kind")
    if kind is not None and kind not in SCORERS:
        raise UserError(f"--stage {name}: holds {kind}, which have no mean IoU; name a stage of masks or scores")
    return run / name, kind, record.get("split", "pseudo")


def _kind_of(folder: Path) -> str:
    for kind in SCORERS:
        if next(folder.rglob(f"*{EXTENSIONS[kind]}"), None):
            return kind
    raise UserError(f"{folder}: holds neither masks (PNG) nor scores (npz)")


@contextlib.contextmanager
def _progress_bar() -> Iterator[Progress]:
    """Shows images done and time left on a terminal; prints nothing elsewhere."""
    import rich.console
    import rich.progress

    console = rich.console.Console(stderr=True)
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.MofNCompleteColumn())
    with rich.progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("scoring", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _as_text(score: Mapping[str, Any]) -> str:
    """Returns the scores as aligned lines of per cent."""
    lines = [("mean IoU", score["miou"]), ("mean IoU, ignored pixels as errors", score["miou_ignore_as_error"]),
             ("ignored pixels", score["ignored"])]
    width = max(len(text) for text in ["mean IoU, ignored pixels as errors", *score["iou"]]) + 2

    def line(text: str, value: float | None) -> str:
        return f"  {text:<{width}}{'absent' if value is None else f'{100 * value:6.2f} %':>8}"

    body = [f"{score['folder']} ({score['kind']}): {score['images']} images scored", *(line(*pair) for pair in lines)]
    if "threshold" in score:
        body.append(f"  {'best background threshold':<{width}}{score['threshold']:6.2f}")
    return "\n".join([*body, "IoU by class", *(line(*pair) for pair in score["iou"].items())])


if __name__ == "__main__":
    sys.exit(main())

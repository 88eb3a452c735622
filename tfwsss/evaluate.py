"""Mean IoU of any masks or scores: of a run's stage, or of a folder that somebody else wrote."""

import argparse
import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfwsss import cli
from tfwsss.errors import UserError


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
                        "ids, background first, or a table of their colours; by default labelmap.txt beside --truth")
    parser.add_argument("--names", type=Path, metavar="FILE", help="list of the names to score; by default all")
    parser.add_argument("--without-masks", action="store_true", help="measure a run where there are no true masks: by "
                        "its tags, and how steady its masks are when images are mirrored and made smaller")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _evaluate(options: argparse.Namespace) -> int:
    from tfwsss.reports.evaluate import evaluate_folder

    if options.without_masks:
        return _without_masks(options)
    with _progress_bar() as progress:
        score = evaluate_folder(options.folder, stage=options.stage, truth=options.truth, classes=options.classes,
                                names=options.names, progress=progress)
    print(json.dumps(score, ensure_ascii=False, allow_nan=False) if options.json else _as_text(score))
    for line in score["warnings"]:
        print(f"warning: {line}", file=sys.stderr)
    return cli.list_faults(score["faults"])


def _without_masks(options: argparse.Namespace) -> int:
    from tfwsss import logs

    if options.truth or options.names or options.classes:
        raise UserError("--without-masks measures a run by its own images; leave out --truth, --classes and --names")
    with logs.quiet_loading():
        from tfwsss.methods.opened import load_run  # loads TensorFlow: not for --help
        from tfwsss.methods.steady import as_text, judge
    found = judge(load_run(options.folder), options.stage)
    print(json.dumps(found, ensure_ascii=False, allow_nan=False) if options.json else as_text(found))
    return 0


@contextlib.contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
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

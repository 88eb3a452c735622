"""Hands masks on to an annotation tool: `python -m tfwsss.annotate runs/demo --to coco --out for_coco`."""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tfwsss import cli

FORMATS = ("coco", "coco-polygons", "label-studio", "cvat", "yolo", "voc", "grey")
"""What can be written."""


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.annotate`."""
    parser = argparse.ArgumentParser("python -m tfwsss.annotate", description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="RUN_OR_MASKS", help="a run, what predict wrote to its --out, or "
                        "a folder of PNGs of ids")
    parser.add_argument("--to", required=True, choices=FORMATS, help="the tool's form")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument("--stage", help="stage of the run; by default the last that made masks of images with tags")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names, one a line in the order of the mask "
                        "ids, background first, or a table of their colours; by default those of the run, or "
                        "classes.txt beside the masks")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="the photographs; by default those that the run "
                        "or predict had")
    parser.add_argument("--names", type=Path, metavar="FILE", help="list of the images to hand on; by default all")
    parser.add_argument("--doubtful", type=_count, metavar="N", help="only the N most doubtful images, worst first")
    parser.add_argument("--least", type=_count, default=1, metavar="PIXELS", help="leave out smaller objects")
    parser.add_argument("--copy-images", action="store_true", help="copy the photographs to FOLDER/images")
    parser.add_argument("--image-prefix", metavar="TEXT", help="label-studio: what stands before a photograph's path; "
                        "by default its local files, /data/local-files/?d=")
    parser.add_argument("--undecided", choices=("void", "background"), help="what undecided pixels become: void (255, "
                        "by default in voc; possible in grey) or background")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 1 if some masks could not be used, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    return cli.finish(functools.partial(_annotate, build_parser().parse_args(arguments)))


def _annotate(options: argparse.Namespace) -> int:
    from tfwsss.reports.annotate import annotate

    told = annotate(options.source, options.to, options.out, stage=options.stage, classes=options.classes,
                    photographs=options.images, names=options.names, doubtful=options.doubtful, least=options.least,
                    prefix=options.image_prefix,
                    void=None if options.undecided is None else options.undecided == "void",
                    copy=options.copy_images)
    if told["undecided"]:
        print(f"note: {100 * told['undecided']:.1f} % of the pixels are undecided and "
              f"{'stay 255' if told['void'] else 'belong to no object'}", file=sys.stderr)
    code = cli.list_faults(told["faults"])
    print(json.dumps({**told, "faults": len(told["faults"])}, ensure_ascii=False))
    return code


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


if __name__ == "__main__":
    sys.exit(main())

"""Makes a SavedModel of a finished run: `python -m tfwsss.export --run runs/demo --to export/models/demo`."""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tfwsss import cli
from tfwsss.errors import UserError


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.export`."""
    parser = argparse.ArgumentParser("python -m tfwsss.export", description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="a finished run")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER",
                        help="folder of the model, such as export/models/NAME; the version becomes a folder in it")
    cli.add_stage(parser)
    cli.add_least(parser)
    parser.add_argument("--crf", action=argparse.BooleanOptionalAction,
                        help="sharpen the masks by the dense CRF, or not; by default as the run")
    parser.add_argument("--scales", metavar="A,B", help="factors at which the network sees each image, such as "
                        "1,0.75,1.25; by default those of the run")
    parser.add_argument("--mirror", action=argparse.BooleanOptionalAction,
                        help="also see each image mirrored, or not; by default as the run")
    parser.add_argument("--version", type=int, metavar="N", help="number of the version; by default the next")
    parser.add_argument("--max-pixels", type=int, metavar="N",
                        help="larger images are refused; by default the run's limit, but at most 16 million")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    return cli.finish(functools.partial(_export, options), "interrupted; no version was added")


def _export(options: argparse.Namespace) -> int:
    from tfwsss import logs

    scales = None if options.scales is None else _numbers(options.scales)
    with logs.quiet_loading():
        from tfwsss.saved_model import export  # loads TensorFlow: not for --help
    result = export.export(options.run, options.to, stage=options.stage, crf=options.crf, scales=scales,
                           mirror=options.mirror, version=options.version, max_pixels=options.max_pixels,
                           least=options.least)
    print(json.dumps(result, ensure_ascii=False))
    return 0


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--scales {text}: expected numbers parted by commas, such as 1,0.75,1.25") from None


if __name__ == "__main__":
    sys.exit(main())

"""Makes masks of photographs with a finished run: `python -m tfwsss.predict photos --run runs/demo --out masks`."""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tfwsss import cli


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.predict`."""
    parser = argparse.ArgumentParser("python -m tfwsss.predict", description=__doc__.splitlines()[0])
    parser.add_argument("images", metavar="IMAGES", help="a photograph; a folder; a pattern in quotes, * stops at "
                        "/, ** does not; or a text file (.txt) of paths, one a line, as seen from that file")
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="a finished run")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where masks/, overlays/ and "
                        "predictions.csv go")
    parser.add_argument("--tags", metavar="A,B", help="classes that the images show; without them the network decides")
    parser.add_argument("--probability", action="store_true", help="write a grey PNG of each class's scores too, 255 = "
                        "1, to probabilities/")
    parser.add_argument("--json", action="store_true", help="write predictions.json beside predictions.csv")
    cli.add_stage(parser)
    cli.add_least(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 1 if some images could not be used, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    return cli.finish(functools.partial(_predict, options), "interrupted; the same command goes on from here")


def _predict(options: argparse.Namespace) -> int:
    from tfwsss import logs

    with logs.quiet_loading():
        from tfwsss.methods import predict  # loads TensorFlow: not for --help
    tags = None if options.tags is None else [tag.strip() for tag in options.tags.split(",") if tag.strip()]
    done, faults = predict.predict(options.images, options.run, options.out, tags, options.stage,
                                   options.probability, options.json, options.least)
    code = cli.list_faults(faults)
    print(json.dumps({"out": str(options.out), "images": done, "faults": len(faults)}, ensure_ascii=False))
    return code


if __name__ == "__main__":
    sys.exit(main())

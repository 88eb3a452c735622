"""Makes masks of very many photographs: `python -m tfwsss.label --model EXPORT --images 'photos/**' --out labelled`."""

import argparse
import functools
import json
import sys
from collections.abc import Sequence

from tfwsss import cli


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.label`."""
    parser = argparse.ArgumentParser("python -m tfwsss.label", description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, metavar="FOLDER", help="a model made by tfwsss.export: export/models/"
                        "NAME for its latest version, or the folder of one; a disk's or an object store's")
    parser.add_argument("--images", required=True, metavar="PATTERN", help="a folder, or a pattern in quotes: * stops "
                        "at /, ** does not; of a disk or an object store (gs://..., s3://...)")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where masks/, faults.csv and label.json go")
    parser.add_argument("--tags", metavar="FILE", help="CSV of name,classes: these images show these classes and no "
                        "others; of images without a row the network decides")
    parser.add_argument("--runner", metavar="NAME", help="direct (Beam inside of this command), portable, flink, spark "
                        "or dataflow; loop (no Beam); by default direct where Beam is installed, else loop")
    parser.add_argument("--workers", type=_number, default=0, metavar="N", help="processes on this machine, for loop "
                        "and direct; 0, the default: one a core; on a machine with a GPU take 1")
    parser.add_argument("--threads", type=_number, default=0, metavar="N", help="TensorFlow's threads in each process; "
                        "by default its share of the cores")
    parser.add_argument("options", nargs="*", metavar="-- OPTIONS", help="for Beam and its runner, such as -- "
                        "--flink_master=HOST:8081 --parallelism=64")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 1 if some images could not be used, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    return cli.finish(functools.partial(_label, options), "interrupted; the same command goes on from here")


def _label(options: argparse.Namespace) -> int:
    from tfwsss.scale import run  # reads tables and tells formats: not for --help

    result, faults = run.run(options.model, options.images, options.out, tags=options.tags, runner=options.runner,
                             workers=options.workers, threads=options.threads, options=options.options)
    code = cli.list_faults(faults)
    if (more := result["faults"] - len(faults)) > 0:
        print(f"{more} more faults: see faults.csv in {options.out}", file=sys.stderr)
    print(json.dumps({"out": options.out, **result}, ensure_ascii=False))
    return code


if __name__ == "__main__":
    sys.exit(main())

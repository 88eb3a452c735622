"""Trains a method from weak labels to pseudo labels: `python -m tfwsss.train --method icd`."""

import argparse
import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tfwsss import cli
from tfwsss.methods import METHODS

_EXAMPLES = """examples:
  python -m tfwsss.train --method icd
      the built-in data set, a few minutes
  python -m tfwsss.train --method icd --config auto --set data.root=photos
      your own photographs, photos/labels.csv and photos/images/: settings by their number and size, and the machine
  python -m tfwsss.train --method icd --config auto --set data.root=photos --dry-run
      the same, to look at first: what is chosen, the stages, what they take
  python -m tfwsss.train --method icd --config configs/icd_voc12.yaml --set data.root=VOCdevkit/VOC2012
      PASCAL VOC 2012 with the published settings
The same command again goes on where it stopped."""


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.train`."""
    parser = argparse.ArgumentParser("python -m tfwsss.train", epilog=_EXAMPLES, description=__doc__.splitlines()[0],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", metavar="NAME",
                        help=f"{', '.join(METHODS[:-1])} or {METHODS[-1]}; by default the config's, or else icd")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML of differences from the method's defaults; "
                        "`auto`: settings are chosen by the images and the machine, told, and kept with the run")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="run folder; by default runs/METHOD-DATA")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", dest="sets",
                        help="one setting, such as icd.epochs=5; may be repeated")
    parser.add_argument("--redo", action="append", default=[], metavar="STAGE",
                        help="make a finished stage, and all that depends on it, again; `changed`: whatever was made "
                        "of photographs, masks or saliency maps that differ now; may be repeated")
    parser.add_argument("--until", metavar="STAGE", help="stop after this stage")
    parser.add_argument("--settings", nargs="?", const="text", choices=("text", "markdown"),
                        help="print every key that --set and a config take, with its type, value and meaning, and stop")
    parser.add_argument("--dry-run", action="store_true", help="print the stages with sizes and estimates, and stop: "
                        "nothing is written")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 1 if some images could not be used, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    return cli.finish(functools.partial(_train, options), "interrupted; the same command goes on from here")


def _train(options: argparse.Namespace) -> int:
    from tfwsss import logs

    with logs.quiet_loading():
        from tfwsss.methods import dry_run, run  # loads TensorFlow: not for --help
        from tfwsss.reports.page import write_report
        from tfwsss.runs import data_parallel
    if options.settings:
        print(run.settings_in_words(options.method, options.config, options.sets, options.settings))
        return 0
    if options.dry_run:
        print(dry_run.plan(options.method, options.config, options.run, options.sets, options.until))
        return 0
    result, faults = run.train(options.method, options.config, options.run, options.sets, options.redo,
                               options.until, report=_by_tensorflow if data_parallel.under_jax() else write_report)
    code = cli.list_faults(faults)
    if result:
        print(json.dumps(result, ensure_ascii=False))
    return code


def _by_tensorflow(run: Path) -> Path:
    """Lets a process that runs TensorFlow write the report: it shows class maps, which that enlarges."""
    done = subprocess.run([sys.executable, "-m", "tfwsss.report", str(run)], stdout=subprocess.PIPE, text=True,
                          check=True, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    return Path(done.stdout.strip())


if __name__ == "__main__":
    sys.exit(main())

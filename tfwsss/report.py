"""One HTML page of a run: what ran, what came out, how it looks. It opens offline and holds no script."""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from tfwsss import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `python -m tfwsss.report`.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 2 for a mistake of the user's, 130 after Ctrl-C.
    """
    return cli.finish(functools.partial(_report, build_parser().parse_args(arguments)))


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.report`."""
    parser = argparse.ArgumentParser("python -m tfwsss.report", description="Writes RUN/report.html, one page that "
                                     "opens offline, and prints its path. The run need not be finished.")
    parser.add_argument("run", type=Path, help="folder of the run")
    return parser


def _report(options: argparse.Namespace) -> int:
    from tfwsss import logs

    with logs.quiet_loading():
        from tfwsss.reports.page import write_report  # loads the drawing of charts: not for --help
    print(write_report(options.run))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Serves models as TensorFlow Serving does: REST and gRPC, and a page to try them.

python -m tfwsss.serve --models export/models
"""

import argparse
import functools
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tfwsss import cli
from tfwsss.errors import UserError

_NEEDED = ("aiohttp", "grpc", "orjson", "tensorflow_serving")
_MEBIBYTE = 2**20


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.serve`."""
    parser = argparse.ArgumentParser("python -m tfwsss.serve", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="holds MODEL/VERSION/saved_model.pb")
    add("--config", type=Path, metavar="FILE", help="a models.config of TensorFlow Serving; without it, the latest "
        "version of every model in FOLDER is served")
    add("--host", default="127.0.0.1", help="address to listen at (default %(default)s: this machine only)")
    add("--rest-port", type=_port, default=8501, metavar="N", help="default %(default)s; 0 for a free one")
    add("--grpc-port", type=_port, default=8500, metavar="N", help="default %(default)s; 0 for a free one")
    add("--threads", type=_positive, default=os.cpu_count() or 1, metavar="N",
        help="requests that run at the same time (default: one a core)")
    add("--queue", type=_positive, default=100, metavar="N", help="requests that may wait (default %(default)s)")
    add("--max-body", type=_positive, default=32, metavar="MIB", help="largest request (default %(default)s MiB)")
    add("--max-pixels", type=_positive, default=50_000_000, metavar="N", help="largest image (default %(default)s)")
    add("--timeout", type=_seconds, default=60.0, metavar="S", help="limit of a request (default %(default)s s)")
    add("--poll", type=_seconds, default=2.0, metavar="S", help="look for new versions so often (default %(default)s)")
    add("--grace", type=_seconds, default=30.0, metavar="S",
        help="time that requests have to end when the server stops (default %(default)s)")
    add("--cors", type=_origin, action="append", default=[], metavar="ORIGIN", help="let pages of this address, such "
        "as https://example.org, read the answers in a browser; may be repeated; * for all pages (default: none)")
    return parser


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"https?://[^/\s*?#@]+", text):
        raise argparse.ArgumentTypeError(f"{text} is no origin; expected http:// or https:// and a host, no path")
    return text


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no positive number of seconds")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**16:
        raise argparse.ArgumentTypeError(f"{text} is no port; expected 0 to 65535")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command until SIGTERM or Ctrl-C.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0 after a signal, when all requests have ended, 2 for a mistake of the user's.
    """
    return cli.finish(functools.partial(_serve, build_parser().parse_args(arguments)))


def _serve(options: argparse.Namespace) -> int:
    _check(options)
    from tfwsss import logs

    with logs.quiet_loading():
        from tfwsss.data.reading import MAX_SIDE
        from tfwsss.server import server  # loads TensorFlow: not for --help
        from tfwsss.server.requests import Limits
    limits = Limits(options.max_body * _MEBIBYTE, options.max_pixels, MAX_SIDE, options.timeout)
    server.serve(server.Settings(options.models, options.config, options.host, options.rest_port, options.grpc_port,
                                 options.threads, options.queue, options.poll, options.grace, limits,
                                 tuple(options.cors)))
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuses what can be told before TensorFlow is loaded."""
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise UserError(f"{', '.join(missing)} is not installed; run: pip install 'tfwsss[serve]'")
    if not options.models.is_dir():
        raise UserError(f"--models: {options.models} is no folder; expected one with MODEL/VERSION/saved_model.pb in "
                        "it, as python -m tfwsss.export makes it")
    if options.rest_port and options.rest_port == options.grpc_port:
        raise UserError(f"--rest-port and --grpc-port are both {options.grpc_port}; name two different ones")


if __name__ == "__main__":
    sys.exit(main())

"""What the commands share: how each ends, and which masks one can ask for."""

import argparse
import sys
from collections.abc import Callable, Mapping

from tfwsss.errors import UserError

FAULTY, MISTAKE, INTERRUPTED = 1, 2, 130
"""Exit codes: some images could not be used; the call or its files need mending; Ctrl-C."""

STAGES = ("masks", "pseudo", "cam_masks")
"""Stages of a run whose masks can be made of any other images too."""


def add_stage(parser: argparse.ArgumentParser) -> None:
    """Lets a command ask for one of `STAGES`.

    Args:
        parser: of the command; gets `--stage`.
    """
    parser.add_argument("--stage", choices=STAGES, help="whose masks: the segmentation network's, the method's own, or "
                        "plain class maps'; by default the first of these that the run has")


def add_least(parser: argparse.ArgumentParser) -> None:
    """Lets a command say from which score on an image shows anything.

    Args:
        parser: of the command; gets `--least`.
    """
    parser.add_argument("--least", type=_share, metavar="SCORE", help="without tags, an image whose likeliest class "
                        "has a lower score (0 to 1) gets a mask of background; by default what the run has chosen on "
                        "its tags where it has one class and images without it, else 0")


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to 1")
    return value


def finish(command: Callable[[], int], interrupted: str = "interrupted") -> int:
    """Runs a command, and shows a mistake of the user's as one line in place of a stack trace.

    Args:
        command: does the work and returns the exit code.
        interrupted: what Ctrl-C prints.

    Returns:
        The command's own exit code, 2 for a mistake of the user's, 130 after Ctrl-C.

    Example:
    >>> finish(lambda: 0)
    0
    """
    try:
        return command()
    except UserError as error:
        print("error:", printable(str(error), keep="\n"), file=sys.stderr)
        return MISTAKE
    except UnicodeEncodeError as error:         # a path of the command, which no log can hold
        name = str(error.object)[:200].encode("ascii", "backslashreplace").decode()
        print(f"error: {name}: is not UTF-8; rename the file or folder", file=sys.stderr)
        return MISTAKE
    except OSError as error:
        if error.filename is None:
            raise
        print("error:", printable(f"{str(error.filename)[:500]}: cannot be used ({error.strerror}); check the path, "
                                  "the disk and your rights"), file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED


def list_faults(faults: Mapping[str, str]) -> int:
    """Prints the images that could not be used, and why.

    Args:
        faults: name and message of each.

    Returns:
        Exit code: 0 if there are none, else 1.
    """
    for name, message in faults.items():
        print(printable(f"fault: {name}: {message}"), file=sys.stderr)
    return FAULTY if faults else 0


def printable(text: str, keep: str = "") -> str:
    r"""Shows signs that would steer a terminal as their numbers: names come from a stranger's files.

    Args:
        text: anything.
        keep: signs to leave as they are.

    Returns:
        Text whose signs can all be printed, but for those to keep.

    Example:
    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode()
                   for sign in text)

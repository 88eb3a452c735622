"""Weights of PyTorch, MXNet and Caffe to a file that Keras loads: `python -m tfwsss.convert FILE --to OUT.weights.h5`.

Nothing in the file is executed, and none of those packages is needed.
"""

import argparse
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfwsss import cli
from tfwsss.errors import UserError
from tfwsss.weights.names import NETWORKS, network_named
from tfwsss.weights.readers import KNOWN, read_weights
from tfwsss.weights.trees import Tree, find_tree

_SHOWN = 3          # of the arrays of a branch that are left out
_EXAMPLES = """examples:
  python -m tfwsss.convert res38_cls.pth --inspect
      names, shapes and types of what the file holds
  python -m tfwsss.convert res38_cls.pth --to res38_cls.weights.h5 --network resnet38_cls
      then: python -m tfwsss.train --method affinitynet --set classifier.backbone.name=resnet38
            --set classifier.backbone.initial=res38_cls.weights.h5"""


def build_parser() -> argparse.ArgumentParser:
    """Returns the command line of `python -m tfwsss.convert`."""
    parser = argparse.ArgumentParser("python -m tfwsss.convert", epilog=_EXAMPLES, description=__doc__.splitlines()[0],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help=f"weights to read: {KNOWN}")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", type=Path, metavar="OUT", help="file to write, OUT.weights.h5")
    what.add_argument("--inspect", action="store_true", help="list what the file holds, and write nothing")
    parser.add_argument("--network", metavar="NAME", help="what the file is of; by default told by the names in it. "
                        f"One of {', '.join(sorted(NETWORKS))}")
    parser.add_argument("--tree", metavar="NAME", help="what stands before the wanted names, such as model or "
                        "state_dict.ema; by default the tree that fits best")
    parser.add_argument("--strip", metavar="START", action="append", default=[], help="a further beginning of names to "
                        "take off, such as encoder.; may be repeated")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line; by default the process's own.

    Returns:
        Exit code: 0, 2 for a mistake of the user's or a file that is refused, 130 after Ctrl-C.
    """
    return cli.finish(functools.partial(_convert, build_parser().parse_args(arguments)))


def _convert(options: argparse.Namespace) -> int:
    if options.network is not None:
        network_named(options.network)
    arrays = read_weights(options.file)
    tree = find_tree(arrays, options.network, options.tree, options.strip, str(options.file))
    result = _inspected(options.file, arrays, tree) if options.inspect else _converted(options, arrays, tree)
    as_text = _contents_as_text if options.inspect else _account_as_text
    print(json.dumps(result) if options.json else as_text(result, arrays))
    return 0


def _inspected(file: Path, arrays: Mapping[str, np.ndarray], tree: Tree) -> dict[str, Any]:
    """Returns what the file holds."""
    entries = [{"name": name, "shape": list(array.shape), "type": array.dtype.name} for name, array in arrays.items()]
    return {"file": str(file), "network": tree.network, "tree": tree.prefix.rstrip("."), "arrays": entries,
            "passed_over": getattr(arrays, "others", {})}


def _converted(options: argparse.Namespace, arrays: Mapping[str, np.ndarray], tree: Tree) -> dict[str, Any]:
    """Writes the Keras file, and returns what became of every array and variable."""
    network = tree.network
    if network is None:
        raise UserError(f"{options.file}: its {len(arrays)} names are those of no known network; name one by --network "
                        f"({', '.join(sorted(NETWORKS))}), or look at them by --inspect")
    if options.network is None:
        print(f"--network is not given; the names in {options.file} are those of {network}", file=sys.stderr)
    if tree.rivals:
        print(f"{options.file}: {', '.join(tree.rivals)} would fit as well; choose by --tree", file=sys.stderr)
    from tfwsss import logs

    with logs.quiet_loading():
        from tfwsss.weights import convert  # loads TensorFlow: not for --help, nor for --inspect
    found = convert.convert(tree.arrays, network, options.to, force=options.force, origin=str(options.file))
    found["filled"] = {path: tree.names[name] for path, name in found["filled"].items()}
    found["left_out"] = {tree.names[name]: why for name, why in found["left_out"].items()} | tree.left_out
    return {"file": str(options.file), **found, "tree": tree.prefix.rstrip("."),
            "passed_over": getattr(arrays, "others", {})}


def _contents_as_text(result: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Returns aligned columns of name, shape and type."""
    rows = [("name", "shape", "type"), *((name, _shape(array), array.dtype.name) for name, array in arrays.items())]
    total = sum(array.size for array in arrays.values())
    guess = f"; its names are those of {result['network']}" if result["network"] else ""
    return "\n".join([*_columns(rows), f"{result['file']}: {len(arrays)} arrays, {total:,} numbers{guess}"])


def _account_as_text(result: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Returns aligned columns of what was filled, left out and left fresh, and a summary."""
    rows = [("filled", path, f"{name} {_shape(arrays[name])}") for path, name in result["filled"].items()]
    rows += _left_out(result["left_out"])
    rows += [("fresh", path, why) for path, why in result["fresh"].items()]
    rows += [("passed over", name, f"no array: {what}") for name, what in result["passed_over"].items()]
    turned = [f"colours of the first kernel turned: {result['turned']}"] if result["turned"] else []
    counts = ", ".join(f"{len(result[key])} {key.replace('_', ' ')}" for key in ("filled", "left_out", "fresh"))
    which = "the backbone" if result["saved"] == "backbone" else "the whole network"
    return "\n".join([*_columns(rows), *turned, f"{result['to']}: {which} of {result['network']}; {counts}",
                      *(f"use: --set {setting}={result['to']}" for setting in result["settings"])])


def _left_out(arrays: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Returns a row for each array that is left out, and one for all of a branch that are so for the same reason."""
    branches: dict[tuple[str, str], list[str]] = {}
    for name, why in arrays.items():
        branches.setdefault((name.split(".")[0], why), []).append(name)
    return [row for (branch, why), names in branches.items() for row in (
        [("left out", name, why) for name in names] if len(names) <= _SHOWN else
        [("left out", f"{branch}.* ({len(names)} arrays)", why)])]


def _columns(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    shown = [tuple(map(cli.printable, row)) for row in rows]
    first, second = (max((len(row[place]) for row in shown), default=0) for place in (0, 1))
    return [f"{one:<{first}}  {two:<{second}}  {three}" for one, two, three in shown]


def _shape(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape)) or "number"


if __name__ == "__main__":
    sys.exit(main())

"""Fills a model from a file's arrays, and accounts for both sides before anything is changed."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfwsss.errors import UserError
from tfwsss.weights.names import likely_network, network_named
from tfwsss.weights.rules import laid_out

_ROWS = 12  # of each kind in the table
_LARGEST = 1e30  # weights beyond it are those of a damaged file or of another byte order


@dataclasses.dataclass(frozen=True)
class Account:
    """What became of both sides.

    Args:
        filled: path of each variable that was filled, to the array's name.
        left_out: name of each array that a rule leaves out, to the reason.
        fresh: path of each variable that stays as it was, to the reason.
    """

    filled: Mapping[str, str]
    left_out: Mapping[str, str]
    fresh: Mapping[str, str]


def assign(model: Any, arrays: Mapping[str, np.ndarray], network: str, origin: str = "the file") -> Account:
    """Fills every variable of a model from named arrays by a network's rules.

    All or nothing: each variable must be filled once and each array used, unless
    the rules say why not; otherwise nothing is changed.

    Args:
        model: keras.Model, or anything with `weights` that have a path, a shape and `assign`.
        arrays: name to array, as `read_weights` gives them.
        network: names the rules.
        origin: the file, for messages.

    Returns:
        What was filled, left out and left as it was.

    Raises:
        UserError: a table of what is missing, unused, misshaped or unusable, side by side.

    Reference: the two-way accounting that released weights deserve; no other loading is offered.
    """
    rules = network_named(network)
    variables = {variable.path: variable for variable in model.weights}
    faults: list[tuple[str, str, str]] = []
    filled: dict[str, tuple[str, np.ndarray]] = {}  # path -> name, the array as it is to be
    left_out: dict[str, str] = {}
    for name, array in arrays.items():
        rule = rules.rule_for(name)
        if rule is None:
            faults.append(("unused", f"{name} {_shown(array.shape)}", f"no rule of {network} takes it"))
        elif not rule.targets:
            left_out[name] = rule.why
        else:
            for target, piece in zip(rule.places(name) or (), rule.pieces(array), strict=True):
                faults += _place(name, piece, target, rule.layout, variables, filled)
    fresh = {path: why for path in variables if path not in filled and (why := rules.why_fresh(path)) is not None}
    faults += [("missing", f"{path} {_shown(variable.shape)}", "no array of the file fills it")
               for path, variable in variables.items() if path not in filled and path not in fresh]
    if faults:
        raise UserError(_table(faults, arrays, network, origin))
    for path, (_, piece) in filled.items():
        variables[path].assign(np.asarray(piece, np.float32))
    return Account({path: name for path, (name, _) in filled.items()}, left_out, fresh)


def turned(array: np.ndarray, layout: str) -> np.ndarray:
    """Returns an array with its axes as Keras has them, float32.

    Args:
        array: numbers of any width, `(out, in, row, column)` for kernels.
        layout: a key of `weights.rules.LAYOUTS`; an array of another number of axes stays as it is.

    Returns:
        float32 array, `(row, column, in, out)` for kernels. Turning keeps every number.

    Example:

    >>> turned(np.zeros((4, 3, 1, 2), np.float16), "kernel").shape
    (1, 2, 3, 4)
    """
    return np.asarray(laid_out(array, layout), np.float32)


def _place(name: str, array: np.ndarray, target: str, layout: str, variables: Mapping[str, Any],
           filled: dict[str, tuple[str, np.ndarray]]) -> Iterable[tuple[str, str, str]]:
    """Notes which variable an array fills, and yields the faults of that."""
    paths = [path for path in variables if path == target or path.endswith(f"/{target}")]
    if len(paths) != 1:
        what = "the model has no such variable" if not paths else f"the model has {len(paths)} such variables"
        yield ("unused", f"{name} {_shown(array.shape)}", f"is for {target}: {what}")
        return
    (path,) = paths
    piece, shape = laid_out(array, layout), tuple(variables[path].shape)
    given = piece.shape
    if path in filled:
        yield ("unused", f"{name} {_shown(array.shape)}", f"{path} is already filled by {filled[path][0]}")
    elif given != shape:
        filled[path] = name, piece
        yield ("misshaped", f"{path} {_shown(shape)}", f"{name} has {_shown(array.shape)}, turned {_shown(given)}")
    else:
        filled[path] = name, piece
        if (problem := unusable(array)) is not None:
            yield ("unusable", f"{path} {_shown(shape)}", f"{name} {problem}")


def unusable(array: np.ndarray) -> str | None:
    """Says why an array cannot be weights: whole numbers, not finite, or absurdly large.

    Args:
        array: any array.

    Returns:
        The reason, or None.

    Example:

    >>> unusable(np.array([1.0])), unusable(np.array([1, 2]))
    (None, 'holds int64, not floating numbers')
    """
    if array.dtype.kind != "f":
        return f"holds {array.dtype}, not floating numbers"
    if array.size == 0:
        return None
    low, high = float(array.min()), float(array.max())  # a NaN shows in both
    if not np.isfinite([low, high]).all():
        return "holds numbers that are not finite: the file is damaged"
    if max(-low, high) > _LARGEST:
        return f"reaches {max(-low, high):.1e}: the file is damaged, or of another byte order"
    return None


def _shown(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "number"


def _table(faults: list[tuple[str, str, str]], names: Iterable[str], network: str, origin: str) -> str:
    """Returns the faults as lines of three columns, at most a dozen of each kind."""
    kinds = ("missing", "unused", "misshaped", "unusable")
    counts = {kind: sum(fault[0] == kind for fault in faults) for kind in kinds}
    shown = [fault for kind in kinds for fault in [f for f in faults if f[0] == kind][:_ROWS]]
    width = max(len(what) for _, what, _ in shown)
    lines = [f"  {kind:<10} {what:<{width}}  {why}" for kind, what, why in shown]
    lines += [f"  ... and {count - _ROWS} more {kind}" for kind, count in counts.items() if count > _ROWS]
    likely = likely_network(names)
    hint = "give a file of that network"
    if likely not in (None, network):
        hint = f"its names look like those of {likely!r}"
    summary = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return "\n".join([f"{origin} does not fit {network} ({summary}), nothing was loaded; {hint}", *lines])

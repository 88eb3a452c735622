"""Which of the trees of arrays that a checkpoint holds, under names that wrappers have lengthened, fits a network."""

import collections
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfwsss.errors import UserError
from tfwsss.weights.names import NETWORKS, likely_network, network_named

_WRAPPERS = {"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_AVERAGED = ("ema", "teacher", "averag", "swa")             # trees beside the one that was trained
_MOST_CUTS = 100_000        # those of the largest networks with their optimisers are some ten thousand


class Tree(NamedTuple):
    """The arrays of one tree under the names that rules know.

    Args:
        network: whose names they are, or None.
        prefix: what stood before the names.
        arrays: name as rules know it to array.
        names: the same name to the file's own.
        left_out: name of each other array of the file to the reason.
        rivals: other trees that fit as well.
    """

    network: str | None
    prefix: str
    arrays: dict[str, np.ndarray]
    names: dict[str, str]
    left_out: dict[str, str]
    rivals: tuple[str, ...]


def find_tree(arrays: Mapping[str, np.ndarray], network: str | None = None, tree: str | None = None,
              strip: Sequence[str] = (), origin: str = "the file") -> Tree:
    """Finds the tree of which most names are a network's; of equal ones the one that is no average of steps.

    Args:
        arrays: name to array, as `read_weights` gives them.
        network: key of `NETWORKS`; None: any.
        tree: what stands before the names of the wanted tree; None: any.
        strip: further beginnings of names to take off.
        origin: the file, for messages.

    Returns:
        The tree; where no name is of any network, all arrays under their own names.

    Raises:
        UserError: no name begins with `tree` or a part of `strip`, or two arrays get one name.

    Example:
    >>> found = find_tree({"model.module.fc8.weight": np.zeros(1), "optimizer.state.0": np.zeros(1)}, "vgg16_cls")
    >>> found.names, found.left_out
    ({'fc8.weight': 'model.module.fc8.weight'}, {'optimizer.state.0': 'of another tree of the file'})
    """
    own = {name: name for name in arrays}                   # the file's name -> what is left of it
    if tree is not None:
        start = tree.rstrip(".") + "."
        own = {name: name.removeprefix(start) for name in arrays if name.startswith(start)}
        if not own:
            raise UserError(f"--tree {tree}: no name in {origin} begins so; {_trees(arrays)}")
    for start in strip:
        if not any(short.startswith(start) for short in own.values()):
            raise UserError(f"--strip {start}: no name in {origin} begins so; {_trees(arrays)}")
        own = {name: short.removeprefix(start) for name, short in own.items()}
    prefix, rivals = _best_prefix(own.values(), network)
    names: dict[str, str] = {}
    for name, short in own.items():
        if short.startswith(prefix):
            known = _unwrapped(short.removeprefix(prefix))
            if known in names:
                raise UserError(f"{origin}: {name} and {names[known]} would have one name, {known}; choose by --tree "
                                "or --strip")
            names[known] = name
    used, network = set(names.values()), network or likely_network(names)
    left_out = {name: "of another tree of the file" for name in arrays if name not in used}
    found = {known: arrays[name] for known, name in names.items()}
    return Tree(network, f"{tree.rstrip('.')}.{prefix}" if tree else prefix, found, names, left_out, rivals)


def _trees(names: Iterable[str]) -> str:
    """Says how names begin."""
    counts = collections.Counter(name.split(".")[0] for name in names)
    return "its names begin with " + ", ".join(f"{start} ({count})" for start, count in counts.most_common(8))


def _unwrapped(name: str) -> str:
    """Returns a name without what wrappers of PyTorch put into it."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _best_prefix(names: Iterable[str], network: str | None) -> tuple[str, tuple[str, ...]]:
    """Returns the beginning after which most names are of the network, and others that serve as well."""
    below: dict[str, list[str]] = collections.defaultdict(list)
    for prefix, rest in itertools.islice(_cuts(names), _MOST_CUTS):
        below[prefix].append(rest)
    score = {prefix: max(_taken(rest, key) for key in ([network] if network else NETWORKS)) for prefix, rest in
             below.items()}
    most = max(score.values(), default=0)
    if not most:
        return "", ()
    fitting = [prefix for prefix, count in score.items() if count == most]
    fitting.sort(key=lambda prefix: (len(below[prefix]), any(word in prefix for word in _AVERAGED), -len(prefix)))
    best = fitting[0]
    apart = [prefix for prefix in fitting if not prefix.startswith(best) and not best.startswith(prefix)]
    outer = [prefix for prefix in apart if not any(prefix != other and prefix.startswith(other) for other in apart)]
    return best, tuple(prefix.rstrip(".") for prefix in outer)


def _cuts(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields every way to cut a name in two at its points, the first part empty or with the point."""
    for name in names:
        parts = name.split(".")
        for count in range(len(parts)):
            yield ".".join([*parts[:count], ""]) if count else "", ".".join(parts[count:])


def _taken(names: Sequence[str], network: str) -> int:
    """Returns how many names a network's rules give a place."""
    placed = _placed(network)
    return sum(placed.fullmatch(_unwrapped(name)) is not None for name in names)


@functools.cache
def _placed(network: str) -> re.Pattern:
    """Returns one pattern of all names that a network's rules give a place."""
    return re.compile("|".join(f"(?:{rule.source})" for rule in network_named(network).rules if rule.targets))

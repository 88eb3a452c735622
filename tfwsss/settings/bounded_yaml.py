"""Reads YAML whose reading ends soon, whatever it holds: depth, size and what aliases repeat are counted before."""

from typing import Any

import yaml

from tfwsss.errors import UserError, named

MAX_TEXT = 200_000
"""Letters; the longest configuration of this package has some 3,000."""

_MAX_DEPTH, _MAX_VALUES = 50, 20_000
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Dates stay texts: no setting is one, and folders are named by them. A key stands once, or one of two is lost."""

    yaml_implicit_resolvers = {sign: [(tag, rule) for tag, rule in rules if tag != _TIMESTAMP]
                               for sign, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}

    def compose_mapping_node(self, anchor):
        node, seen = super().compose_mapping_node(anchor), set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise ValueError(f"line {key.start_mark.line + 1} has the key {key.value[:80]!r} a second time")
            seen.add((key.tag, key.value))
        return node


def load_yaml(text: str, what: str, cure: str, place: bool = True) -> Any:
    """Returns what a YAML text holds.

    Args:
        text: of a file or a single setting.
        what: names it in messages.
        cure: last words of the message where it is no YAML.
        place: whether the message tells line and column.

    Returns:
        Dictionaries, lists, texts and numbers.

    Raises:
        UserError: no YAML, a value that cannot be, or more than any configuration holds.

    Example:
    >>> load_yaml("a: [1, 2026-99-99]", "f.yaml", "mend it")
    {'a': [1, '2026-99-99']}
    """
    if len(text) > MAX_TEXT:
        raise UserError(f"{what}: has {len(text):,} letters; a configuration has at most {MAX_TEXT:,}")
    with named(what, cure):
        try:
            _check_size(text, what)
            return yaml.load(text, Loader=_Loader)
        except yaml.YAMLError as error:
            where = str(getattr(error, "problem_mark", None) or "").strip().split("\n")[0].rstrip(":") if place else ""
            raise UserError(f"{what} is not valid YAML{where and ' ' + where}; {cure}") from None


def _check_size(text: str, what: str) -> None:
    """Counts values as if every alias were written out, without writing any out."""
    sizes: dict[str, int] = {}                  # anchor -> values below it
    open_, total = [], 0                        # anchors of the collections that are open, with the count before them
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise UserError(f"{what}: *{event.anchor[:40]} stands for nothing, or for what it stands in; write the "
                                "value itself")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            total += 1
            if isinstance(event, yaml.ScalarEvent):
                sizes[event.anchor] = 1
            else:
                open_.append((event.anchor, total - 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            sizes[anchor] = total - before
        if len(open_) > _MAX_DEPTH or total > _MAX_VALUES:
            raise UserError(f"{what}: holds more than {_MAX_DEPTH} levels or {_MAX_VALUES:,} values, aliases written "
                            "out; no configuration does")

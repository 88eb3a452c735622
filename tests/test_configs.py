"""Each file of configs/ states its claim, loads, and holds only what differs from the defaults."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.sources import ROOT, relative

HEADER = ("data", "expected", "hardware", "command")
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
EACH = pytest.mark.parametrize("path", CONFIGS, ids=relative)


def header(path) -> dict[str, str]:
    """Returns the claims of a config's header: `# data: ...`, continued by lines that begin with `#   `."""
    claims, key = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if match := re.match(r"# (\w+): *(.*)", line):
            key = match[1].lower()
            claims[key] = match[2].strip()
        elif key and re.match(r"#\s{2,}\S", line):
            claims[key] += " " + line[1:].strip()
    return claims


def leaves(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the path and value of everything that is not a section."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def test_there_are_configs():
    assert CONFIGS, "configs/ holds no YAML file"


@EACH
def test_header_states_the_claim(path):
    claims = header(path)
    missing = [key for key in HEADER if not claims.get(key)]
    assert not missing, f"{relative(path)}: the header lacks {missing}; it has {sorted(claims)}"
    assert f"--config {relative(path)}" in claims["command"], f"{relative(path)}: its command does not name it"


@EACH
def test_config_loads_and_differs_from_the_defaults(path):
    from tfwsss import methods
    from tfwsss.settings import reading

    values = reading.read_yaml(path)
    kind = methods.get(values["method"]).config
    loaded = reading.build(kind, values, relative(path)).model_dump(mode="json")
    default = reading.build(kind, {"method": values["method"]}, "defaults").model_dump(mode="json")
    same = []
    for keys, _ in leaves(values):
        ours, theirs = loaded, default
        for key in keys:
            ours, theirs = ours[key], (theirs or {}).get(key) if isinstance(theirs, Mapping) else None
        same += [".".join(keys)] if ours == theirs and keys != ("method",) else []
    assert not same, f"{relative(path)}: these repeat the defaults: {same}"

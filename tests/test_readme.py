"""The commands that README.md and the configs show can be typed as they stand."""

import importlib
import re
import shlex

import pytest

from tests.support.sources import ROOT, relative
from tests.test_configs import CONFIGS, header

COMMAND = re.compile(r"python3?\s+-m\s+(tfwsss(?:\.\w+)*)((?:\\\n|[^`\n|>&;#])*)")
MAKE = re.compile(r"(?<![\w-])make ([a-z][a-z-]*)(?=[`\s.,;)]|$)", re.MULTILINE)
README = ROOT / "README.md"


def shown() -> list[tuple[str, str, str]]:
    """Returns (file, module, arguments) of every command of ours that the texts show."""
    texts = {"README.md": README.read_text(encoding="utf-8")} if README.exists() else {}
    texts |= {relative(path): header(path).get("command", "") for path in CONFIGS}
    return [(name, match[1], match[2].replace("\\\n", " ").strip()) for name, text in texts.items()
            for match in COMMAND.finditer(text)]


def arguments(text: str) -> list[str]:
    """Splits a command's arguments; the brackets and dots of a synopsis fall away, `A|B` becomes `A`."""
    return shlex.split(re.sub(r"\[([^\]=]*?)\]|\.\.\.", lambda match: match[1] or "", text))


def test_the_readme_shows_commands():
    assert any(name == "README.md" for name, _, _ in shown()), "README.md shows no command of ours"


@pytest.mark.parametrize(("name", "module", "text"), shown())
def test_commands_parse(name, module, text, capsys):
    parser = importlib.import_module(module).build_parser()
    try:
        parser.parse_args(arguments(text))
    except SystemExit as stop:
        assert stop.code == 0, f"{name} shows: python -m {module} {text}\n{capsys.readouterr().err}"


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    blocks = re.findall(r"```.*?```|`[^`\n]+`", README.read_text(encoding="utf-8"), re.DOTALL)
    named = {target for block in blocks for target in MAKE.findall(block)}
    assert named <= targets, f"README.md names make targets that do not exist: {sorted(named - targets)}"

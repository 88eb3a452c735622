"""The documentation holds what it says: links, commands, settings, messages, figures, navigation."""

import ast
import functools
import importlib
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.support.docs import DOCS, GENERATED, PAGES, anchors, without_code
from tests.support.documented import TEXTS
from tests.support.sources import ROOT, python_files, relative, tree
from tests.test_readme import COMMAND, MAKE
from tfwsss import methods
from tfwsss.data.corrections import KEY
from tfwsss.errors import UserError
from tfwsss.methods.automatic import NAME
from tfwsss.runs.origins import CHANGED

EACH = pytest.mark.parametrize("path", TEXTS, ids=relative)

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
SETTING = re.compile(r"`(?:--set )?([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+)(?:[=:][^`]*)?`")
SET = re.compile(r"--set\s+([a-z_0-9.]+)=")
DATE = re.compile(r"\b\d{1,2}\s+[A-Z][a-z]+\s+20\d\d\b")
FILES = (".csv", ".yaml", ".json", ".txt", ".npz")
FIGURE = re.compile(r"\b\d+\.\d+\b")


@EACH
def test_links_lead_somewhere(path):
    wrong = []
    for link in LINK.findall(without_code(path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
        if path in PAGES and DOCS not in target.parents:
            wrong.append(f"{link} (outside of docs/)")
    assert not wrong, f"{relative(path)}: links to nowhere: {wrong}"


def test_links_are_seen():
    assert LINK.findall("[a](b.md#c) and ![d](e.png)") == ["b.md#c", "e.png"]
    assert anchors(DOCS / "own_data.md")[:2] == ["photographs-and-tags", "the-folder"]
    assert "what-is-given" not in anchors(DOCS / "runs.md")


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_anchors_differ(path):
    assert len(anchors(path)) == len(set(anchors(path)))


def in_navigation(entries) -> list[str]:
    """Returns the pages that a navigation of MkDocs lists."""
    if isinstance(entries, str):
        return [entries]
    inner = entries.values() if isinstance(entries, dict) else entries
    return [page for entry in inner for page in in_navigation(entry)]


def test_the_navigation_lists_every_page_once():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    assert sorted(in_navigation(config["nav"])) == [path.relative_to(DOCS).as_posix() for path in PAGES]


def test_each_method_has_a_page_and_is_compared():
    compared = (DOCS / "methods" / "index.md").read_text("utf-8")
    for name in methods.METHODS:
        assert f"[`{name}`]({name}.md)" in compared
        text = (DOCS / "methods" / f"{name}.md").read_text("utf-8")
        parts = ["Stages", "Equations", "Running it", "Figures", "When to take it", "Settings"]
        assert [part for part in re.findall(r"^## (.*)$", text, re.MULTILINE) if part in parts] == parts, name
        assert f"<!-- settings: {name} -->" in text and f"<!-- stages: {name} -->" in text


def commands(path: Path) -> list[tuple[str, list[str]]]:
    """Returns (module, arguments) of every command of ours that a text shows, or that it takes in."""
    text = path.read_text("utf-8")
    return [(match[1], shlex.split(match[2].replace("\\\n", " "))) for match in COMMAND.finditer(text)]


@EACH
def test_commands_parse(path, capsys):
    for module, words in commands(path):
        try:
            options = importlib.import_module(module).build_parser().parse_args(words)
        except SystemExit as stop:
            assert stop.code == 0, f"{relative(path)}: python -m {module} {words}\n{capsys.readouterr().err}"
            continue
        if module == "tfwsss.train":
            check_settings(path, options)


def check_settings(path: Path, options) -> None:
    """Reads the settings of a command, as it would, and looks for the stages that it names."""
    from tfwsss.methods.run import read_settings

    file = options.config if options.config in (None, NAME) else ROOT / options.config
    try:
        settings = read_settings(options.method, file, options.sets)
    except UserError as error:
        pytest.fail(f"{relative(path)}: {error}")
    named = [*options.redo, *([options.until] if options.until else []), *settings.given]
    unknown = set(named) - stages_of(settings.method) - {CHANGED}
    assert not unknown, f"{relative(path)}: {settings.method} has no stages {unknown}"


@functools.cache
def stages_of(method: str) -> set[str]:
    """Returns the names of a method's stages, with saliency made inside or not."""
    own = methods.get(method)
    found = set()
    for saliency in (None, "make"):
        config = own.config(method=method, data={"saliency": saliency}, given={KEY: "mine"})
        found |= {stage.name for stage in GENERATED.listed_stages(own, config)}
    return found


def test_wrong_commands_are_seen():
    from tfwsss.train import build_parser

    for words in (["--set", "icd.epoch=3"], ["--until", "seed"], ["--set", "given.walk=x"]):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            check_settings(DOCS / "index.md", build_parser().parse_args(["--method", "icd", *words]))


@functools.cache
def known_keys() -> tuple[set[str], set[str], set[str]]:
    """Returns every key and every section of all methods' settings, and those keys below which any name may stand."""
    from tfwsss.settings.reference import keys_of

    found = [key for name in methods.METHODS for key in keys_of(methods.get(name).config(method=name))]
    keys = {key.path for key in found}
    sections = {".".join(key.split(".")[:end]) for key in keys for end in range(1, key.count(".") + 1)}
    return keys, sections, {key.path for key in found if key.kind == "keys and values"}


@EACH
def test_settings_that_the_text_names_exist(path):
    keys, sections, named_freely = known_keys()
    text = path.read_text("utf-8")
    named = [name for name in SETTING.findall(text) if name.split(".")[0] in sections and not name.endswith(FILES)]
    named += [name for name in SET.findall(text) if name not in ("a.b", "toy")]
    wrong = [name for name in named
             if name not in keys | sections and name.rpartition(".")[0] not in named_freely]
    assert not wrong, f"{relative(path)}: no such settings: {wrong}"


@pytest.mark.parametrize("path", TEXTS[1:], ids=relative)
def test_make_targets_exist(path):
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    blocks = re.findall(r"```.*?```|`[^`\n]+`", path.read_text("utf-8"), re.DOTALL)
    assert {target for block in blocks for target in MAKE.findall(block)} <= targets


def test_networks_that_can_be_converted_exist():
    from tfwsss.weights.names import NETWORKS

    text = (DOCS / "weights.md").read_text("utf-8").partition("| `--network` |")[2].partition("\n\n")[0]
    named = {name for row in text.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[2:3][0])}
    assert len(named) > 10 and named <= set(NETWORKS), named - set(NETWORKS)


@functools.cache
def literals() -> list[str]:
    """Returns the texts of the package, `{}` where something is put in."""
    found = []
    for path in python_files("tfwsss"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def messages(path: Path) -> list[str]:
    """Returns the first cells of the tables whose first column is headed `message`."""
    tables = re.findall(r"^\| message \|.*\n\|[-|]+\n((?:\|.*\n)+)", path.read_text("utf-8"), re.MULTILINE)
    return [match for table in tables for match in re.findall(r"^\| `([^`]*)` \|", table, re.MULTILINE)]


def test_the_messages_that_are_explained_are_the_programs():
    explained = [message for path in PAGES for message in messages(path)]
    assert len(explained) > 20
    wrong = [message for message in explained if not any(message in literal for literal in literals())]
    assert not wrong, f"no message of the program reads so: {wrong}"


@pytest.mark.parametrize("name", methods.METHODS)
def test_figures_are_those_of_the_results(name):
    """Measured figures stand in one place, with date and command; a page may repeat them, not add to them."""
    text = (DOCS / "methods" / f"{name}.md").read_text("utf-8")
    part = text.partition("## Figures")[2].partition("## When to take it")[0]
    assert not set(FIGURE.findall(part)) - set(FIGURE.findall((DOCS / "results.md").read_text("utf-8")))
    assert not FIGURE.search(part) or DATE.search(part), f"{name}: figures without a date"


def test_figures_of_the_readme_are_those_of_the_results():
    part = (ROOT / "README.md").read_text("utf-8").partition("## Results")[2].partition("\n## ")[0]
    told = "".join((DOCS / f"{name}.md").read_text("utf-8") for name in ("results", "speed"))
    assert len(FIGURE.findall(part)) > 10
    assert not {float(figure) for figure in FIGURE.findall(part)} - {float(figure) for figure in FIGURE.findall(told)}

"""Budgets, docstrings, type hints, words that no part may say, and the style checker."""

import ast
import functools
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.sources import (
    ROOT,
    docstring_nodes,
    for_each,
    functions,
    module_name,
    public_members,
    python_files,
    relative,
    tree,
)

MAX_LINES = 250
MAX_BODY = 60
EXAMPLE_ROOMS = ("ops", "layers", "losses", "metrics", "refine")  # their public things show an example that runs
NOT_MIRRORED = ("methods", "server", "artefacts")  # rooms whose files may share tests; all others file by file
SECTIONS = ("Args:", "Inputs:", "Returns:", "Yields:", "Raises:", "Example:", "Reference:")
OF_KERAS = ("training", "mask")  # arguments of methods that Keras calls, known to everybody
TWENTY = (20, 21)  # the class counts of one data set: nobody but its reader may count on them
MAY_NAME_VOC = ("tfwsss/data/voc.py", "tfwsss/data/annotation.py", "tfwsss/data/sources.py", "tfwsss/palette.py",
                "tfwsss/settings/sections.py", "tfwsss/train.py", "tfwsss/methods/", "tfwsss/annotate.py",
                "tfwsss/reports/annotate.py", "tfwsss/reports/annotation_files.py")
MAY_KNOW_VOC = ("tfwsss/data/", "tfwsss/artefacts/", "tfwsss/training/tensorboard.py", "tfwsss/reports/",
                "tfwsss/predict.py", "tfwsss/saved_model/export.py", "tfwsss/server/")
COUNTS = re.compile(r"class|label|channel|filter|unit|shape|size|height|width|depth", re.IGNORECASE)
MACHINE_PATHS = re.compile(r"(?<![\w.~$}>-])/(?:home/\w|Users/\w|root/|tmp/|work/|mnt/\w)|\b[A-Z]:\\\\?[A-Za-z]")
TEXT_ENDINGS = (".py", ".md", ".yaml", ".yml", ".toml", ".html", ".txt", ".config", "Makefile", "run")
NOT_OURS = {".git", ".venv", ".venv-docs", ".venv-beam", ".venv-jax", "site", "runs", "build", "dist", "__pycache__",
            ".ruff_cache", ".pytest_cache", ".hypothesis"}

ALL = for_each(python_files("tfwsss", "tests", "benchmarks", "export", "docs"))
OURS = for_each(python_files("tfwsss"))


@ALL
def test_files_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{relative(path)} has {lines} lines; split it, or say the same in fewer"


@ALL
def test_functions_are_short(path):
    long = {f"{function.name} (line {function.lineno})": lines
            for function in functions(tree(path)) if (lines := body_lines(function)) > MAX_BODY}
    assert not long, f"{relative(path)}: bodies over {MAX_BODY} lines: {long}"


def body_lines(function: ast.FunctionDef) -> int:
    """Counts the lines of a function's body without its docstring and the functions inside it."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@OURS
def test_public_things_have_docstrings(path):
    missing = [f"{thing.name} (line {thing.lineno})" for thing in public_members(path) if not ast.get_docstring(thing)]
    assert not missing, f"{relative(path)}: no docstring: {missing}"


@OURS
def test_docstring_sections_keep_their_order(path):
    for member in public_members(path):
        lines = (ast.get_docstring(member) or "").splitlines()
        found = [next(s for s in SECTIONS if line.startswith(s)) for line in lines if line.startswith(SECTIONS)]
        assert found == sorted(set(found), key=SECTIONS.index), \
            f"{relative(path)}, {member.name}: sections {found}; the order is {SECTIONS}"


@OURS
def test_docstrings_name_arguments_and_results(path):
    wrong = []
    for member in public_members(path):
        if isinstance(member, ast.ClassDef):
            continue
        text = ast.get_docstring(member) or ""
        named = [a.arg for a in (*member.args.posonlyargs, *member.args.args, *member.args.kwonlyargs)]
        if named and "Args:" not in text:
            wrong.append(f"{member.name}: no Args")
        gives = ast.unparse(member.returns) not in ("None", "NoReturn") if member.returns else gives_value(member)
        if gives and not re.search(r"^(Returns|Yields)", text, re.MULTILINE):
            wrong.append(f"{member.name}: no Returns")
    assert not wrong, f"{relative(path)}: {wrong}"


def gives_value(function: ast.FunctionDef) -> bool:
    """Says whether a function has a `return` with a value."""
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))


@for_each(python_files(*[f"tfwsss/{room}" for room in EXAMPLE_ROOMS]))
def test_equations_have_an_example(path):
    missing = [member.name for member in public_members(path)
               if ">>>" not in (ast.get_docstring(member) or "") and not is_record(member)]
    assert not missing, f"{relative(path)}: no example that runs: {missing}"


def is_record(member: ast.FunctionDef | ast.ClassDef) -> bool:
    """Says whether a class only names fields."""
    return isinstance(member, ast.ClassDef) and all(isinstance(item, ast.AnnAssign | ast.Expr) for item in member.body)


@OURS
def test_plain_arguments_are_typed(path):
    wrong = []
    for function in functions(tree(path)):
        if function.name.startswith("_") and function.name != "__init__":
            continue
        places = [*function.args.posonlyargs, *function.args.args]
        pairs = [*zip(reversed(places), reversed(function.args.defaults), strict=False),
                 *zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)]
        wrong += [f"{function.name}({argument.arg}), line {argument.lineno}" for argument, default in pairs
                  if argument.annotation is None and is_plain(default) and argument.arg not in OF_KERAS]
    assert not wrong, f"{relative(path)}: no type beside a plain default: {wrong}"


def is_plain(default: ast.expr | None) -> bool:
    """Says whether a default is a number, text, boolean, path or a tuple of those; None may stand for a tensor."""
    if isinstance(default, ast.UnaryOp):
        default = default.operand
    if isinstance(default, ast.Constant):
        return default.value is not None
    if isinstance(default, ast.Tuple):
        return True
    return isinstance(default, ast.Call) and ast.unparse(default.func) in {"Path", "pathlib.Path"}


@OURS
def test_class_counts_come_from_the_data(path):
    if relative(path) in ("tfwsss/data/voc.py", "tfwsss/palette.py"):
        return
    assert not (found := bare_twenties(tree(path))), f"{relative(path)}: class counts written down: {found}"


def bare_twenties(root: ast.Module) -> list[str]:
    """Returns the 20s and 21s that are not the value of a name, or of one that sounds like a class count."""
    named = {}
    for node in ast.walk(root):
        if isinstance(node, ast.AnnAssign | ast.Assign):
            for name in node.targets if isinstance(node, ast.Assign) else [node.target]:
                named[node.value] = ast.unparse(name)
        elif isinstance(node, ast.Dict):
            named |= {value: ast.unparse(key) for key, value in zip(node.keys, node.values, strict=True) if key}
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            named[node.right] = "power"
        elif isinstance(node, ast.keyword):
            named[node.value] = node.arg or ""
        elif isinstance(node, ast.arguments):
            both = [*zip(reversed([*node.posonlyargs, *node.args]), reversed(node.defaults), strict=False),
                    *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            named |= {default: argument.arg for argument, default in both if default is not None}
    return [f"line {node.lineno}: {named.get(node, 'bare')} {node.value}" for node in ast.walk(root)
            if isinstance(node, ast.Constant) and type(node.value) is int and node.value in TWENTY
            and (not named.get(node) or COUNTS.search(named[node]))]


@pytest.mark.parametrize(("source", "count"), [
    ("{'epochs': 20, 'num_classes': 20}", 1), ("32 * 2**20", 0), ("x * 20.0", 0),
    ("num_classes = 20", 1), ("f(filters=21)", 1), ("range(20)", 1), ("x[:, :21]", 1), ("def f(classes=21): pass", 1),
    ("epochs: int = 20", 0), ("f(epochs=20)", 0), ("def f(timeout=20): pass", 0), ("x = 22", 0)])
def test_class_counts_are_seen(source, count):
    assert len(bare_twenties(ast.parse(source))) == count


@OURS
def test_only_its_reader_speaks_of_voc(path):
    name = relative(path)
    if name.startswith(MAY_NAME_VOC):
        return
    words = re.compile(r"(?<![a-z])voc(?!abulary|ab_)", re.IGNORECASE)
    hidden = docstring_nodes(tree(path))
    said = [(node.lineno, node.value) for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden]
    if not name.startswith(MAY_KNOW_VOC):  # these may call voc_palette or the reader; no others
        said += [(node.lineno, getattr(node, "id", getattr(node, "attr", getattr(node, "name", ""))))
                 for node in ast.walk(tree(path)) if isinstance(node, ast.Name | ast.Attribute | ast.alias)]
    found = [f"line {line}: {text[:60]!r}" for line, text in said if words.search(text)]
    assert not found, f"{name} depends on VOC: {found}"


def text_files() -> Iterator[Path]:
    """Yields the project's own text files, this one left out."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in NOT_OURS and not name.endswith(".egg-info")]
        yield from (Path(folder, name) for name in names if name.endswith(TEXT_ENDINGS) and name != Path(__file__).name)


def test_no_machine_paths():
    found = [f"{relative(path)}:{number}: {line.strip()[:100]}" for path in text_files()
             for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
             if MACHINE_PATHS.search(line)]
    assert not found, "paths of one machine:\n" + "\n".join(found)


@pytest.mark.parametrize("line", ["'/home/ann/data'", "root: /tmp/x", "C:\\Users", "/work/main"])
def test_machine_paths_are_seen(line):
    assert MACHINE_PATHS.search(line)
    assert not MACHINE_PATHS.search("https://example.org/home/x and data/tmp/x and net/work/x")


@functools.cache
def imported_by_tests() -> frozenset[str]:
    """Returns the modules of ours that some test imports."""
    found = set()
    for path in python_files("tests"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return frozenset(found)


@OURS
def test_every_file_has_a_test(path):
    if path.stem == "__init__":
        return
    inside = path.relative_to(ROOT / "tfwsss")
    test = ROOT / "tests" / inside.with_name(f"test_{inside.name}")
    if len(inside.parts) > 1 and inside.parts[0] not in NOT_MIRRORED:
        assert test.exists(), f"{relative(path)} has no {test.relative_to(ROOT)}"
    else:
        assert test.exists() or module_name(path) in imported_by_tests(), f"no test reaches {relative(path)}"


def test_ruff():
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed; pip install 'tfwsss[test]'")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--output-format=concise", "tfwsss", "tests",
                           "benchmarks", "docs"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr

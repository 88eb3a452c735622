"""Who may import whom: the table of the architecture, read against the syntax trees."""

import ast
import functools
import graphlib
import sys
from pathlib import Path

import pytest

from tests.sources import PACKAGE, module_name, python_files, relative, tree

BOTTOM = {"errors", "palette"}  # every file may import these two

# Room or file (the longest that matches counts): what it may import of ours, what of others.
# A room may import itself; TensorFlow stands only where it may be used.
TABLE = {
    "__init__":            ("", ""),
    "errors":              ("", ""),
    "palette":             ("", "numpy"),
    "optim":               ("", "numpy keras"),
    "ops":                 ("", "numpy keras"),
    "ops/permutohedral":   ("", "numpy keras tensorflow"),
    "ops/replicas":        ("", "keras tensorflow"),
    "ops/sparse_product":  ("", "numpy keras tensorflow"),
    "config":              ("", "pydantic yaml"),
    "layers":              ("ops", "keras numpy"),
    "losses":              ("ops", "keras numpy"),
    "metrics":             ("ops", "keras numpy"),
    "backbones":           ("layers ops", "keras numpy"),
    "models":              ("backbones layers losses metrics ops", "keras numpy"),
    "refine":              ("", "numpy scipy cv2 skimage"),
    "convert":             ("", "numpy keras h5py safetensors"),
    "artefacts":           ("", "numpy PIL"),
    "drawing":             ("", "numpy PIL cv2"),
    "data":                ("artefacts", "tensorflow numpy PIL cv2"),
    "distribute":          ("", "keras tensorflow"),
    "stages":              ("config artefacts optim distribute runner", "keras numpy rich"),
    "runner":              ("config artefacts optim distribute stages", "keras numpy rich"),
    "callbacks":           ("config artefacts optim distribute drawing", "keras numpy rich tensorflow"),
    "checkpoint":          ("config artefacts optim distribute", "keras numpy rich tensorflow"),
    "serving":             ("models layers ops data/images", "tensorflow keras numpy"),
    "serve":               ("models layers ops data/images serving",
                            "tensorflow keras numpy grpc aiohttp tensorflow_serving google"),
    "methods":             ("optim ops config layers losses metrics backbones models refine convert artefacts "
                            "drawing data distribute stages runner callbacks checkpoint", "numpy keras pydantic"),
    "train":               ("*", "numpy keras pydantic yaml rich"),
    "evaluate":            ("*", "numpy keras rich"),
    "predict":             ("*", "numpy keras PIL rich"),
    "export":              ("*", "numpy keras"),
    "report":              ("*", "numpy PIL jinja2 matplotlib"),
    "convert/__main__":    ("*", "numpy keras rich"),
}
SHARED_METHODS = {"methods/classify", "methods/retrain", "methods/__init__"}  # the only ones another method may import
LONGEST_CHAIN = 7  # rooms one above the other, the two bottom modules not counted

NO_PYTHON_IN_GRAPH = {"ops", "layers", "losses", "backbones", "models", "serving"}
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "imp"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_KEYWORDS = {("allow_pickle", True), ("safe_mode", False), ("shell", True)}
UNSAFE_ATTRIBUTES = {"Lambda", "enable_unsafe_deserialization", "import_module"}
UNSAFE_NAMES = {"numpy_function", "py_function", "tf_py_function"}


def place(path: Path) -> str:
    """Returns `ops/resize` for tfwsss/ops/resize.py, `__init__` for the package itself."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def row(where: str) -> str | None:
    """Returns the table's key for a place: the longest prefix that it knows."""
    parts = where.split("/")
    keys = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((key for key in keys if key in TABLE), None)


def imports(path: Path) -> list[tuple[str, str, int]]:
    """Returns (module, name or "", line) of every import, also those inside functions."""
    name = module_name(path)
    return imports_in(tree(path), name if path.stem == "__init__" else name.rpartition(".")[0])


def imports_in(root: ast.Module, package: str) -> list[tuple[str, str, int]]:
    """The same for a tree; `package` is where relative imports start."""
    found = []
    for node in ast.walk(root):
        if isinstance(node, ast.Import):
            found += [(alias.name, "", node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (start, node.module or "") if part)
            found += [(module, alias.name, node.lineno) for alias in node.names]
    return found


def target(module: str, name: str) -> str | None:
    """Returns the place of ours that an import reaches, or None if it is another's."""
    if module.split(".")[0] != "tfwsss":
        return None
    inner = module.split(".")[1:]
    if name and (PACKAGE.joinpath(*inner, f"{name}.py").exists() or PACKAGE.joinpath(*inner, name).is_dir()):
        inner = [*inner, name]
    where = "/".join(inner) or "__init__"
    return f"{where}/__init__" if (PACKAGE / where).is_dir() else where


def allowed(here: str, there: str) -> bool:
    """Says whether a place of ours may import another."""
    room, other = row(here), row(there)
    ours = TABLE[room][0].split()
    if there in BOTTOM | {"__init__"} or ours == ["*"]:
        return True
    if here.split("/")[0] == there.split("/")[0]:
        return there in SHARED_METHODS if here.startswith("methods/") else True
    return bool({other, there, there.split("/")[0]} & set(ours))


def third_party(module: str) -> str | None:
    """Returns the package that a module belongs to, or None for the standard library and ourselves."""
    package = module.split(".")[0]
    return None if package in sys.stdlib_module_names or package == "tfwsss" else package


@functools.cache
def graph() -> dict[str, set[str]]:
    """Returns place -> places it imports."""
    edges = {place(path): set() for path in python_files("tfwsss")}
    for path in python_files("tfwsss"):
        reached = {target(module, name) for module, name, _ in imports(path)} - {None, place(path)}
        edges[place(path)] = {there for there in reached if there in edges}
    return edges


FILES = pytest.mark.parametrize("path", python_files("tfwsss"), ids=relative)


@FILES
def test_every_file_has_a_row(path):
    assert row(place(path)), f"{relative(path)} has no row in this test's table: decide what it may import"


@FILES
def test_imports_go_downwards(path):
    here = place(path)
    wrong = [f"line {line}: {there}" for module, name, line in imports(path)
             if (there := target(module, name)) and not allowed(here, there)]
    assert not wrong, f"{relative(path)} may import from {TABLE[row(here)][0] or 'nothing of ours'}, not {wrong}"


@FILES
def test_third_party_packages(path):
    others = TABLE[row(place(path))][1].split()
    wrong = [f"line {line}: {module}" for module, _, line in imports(path)
             if (package := third_party(module)) and package not in others]
    assert not wrong, f"{relative(path)} may import {others}, not {wrong}"


def test_no_cycles():
    try:
        tuple(graphlib.TopologicalSorter(graph()).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"files import each other in a ring: {' -> '.join(error.args[1])}")


def test_chain_of_rooms_is_short():
    rooms: dict[str, set[str]] = {}
    for here, theirs in graph().items():
        reached = {there.split("/")[0] for there in theirs} - BOTTOM - {here.split("/")[0], "__init__"}
        rooms.setdefault(here.split("/")[0], set()).update(reached)

    @functools.cache
    def chain(room: str) -> tuple[str, ...]:
        return (room, *max((chain(lower) for lower in rooms[room]), key=len, default=()))

    longest = max((chain(room) for room in rooms), key=len)
    assert len(longest) <= LONGEST_CHAIN, f"{len(longest)} rooms above each other: {' -> '.join(longest)}"


def unsafe(root: ast.Module, where: str) -> list[str]:
    """Returns what a tree uses of the forbidden things, with the lines."""
    found = []
    for module, name, line in imports_in(root, "tfwsss"):
        found += [(line, f"import of {module}")] if {module.split(".")[0], name} & UNSAFE_MODULES else []
        found += [(line, f"from {module} import {name}")] if name in {"*", "Lambda"} else []
    for node in ast.walk(root):
        name = getattr(node, "attr", getattr(node, "id", ""))
        if name in UNSAFE_ATTRIBUTES or (name in UNSAFE_NAMES and where.split("/")[0] in NO_PYTHON_IN_GRAPH):
            found.append((node.lineno, name))
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
                found.append((node.lineno, f"{node.func.id}()"))
            found += [(node.lineno, f"{word.arg}={word.value.value}") for word in node.keywords
                      if isinstance(word.value, ast.Constant) and (word.arg, word.value.value) in UNSAFE_KEYWORDS]
    # methods.get finds a method's module by its name: the one import by string
    return [f"line {line}: {text}" for line, text in found if (where, text) != ("methods/__init__", "import_module")]


@FILES
def test_nothing_unsafe(path):
    assert not (found := unsafe(tree(path), place(path))), f"{relative(path)}: {found}"


@pytest.mark.parametrize("source", [
    "import pickle", "from keras import *", "np.load(file, allow_pickle=True)", "eval('1')", "keras.layers.Lambda(f)",
    "from keras.layers import Lambda", "importlib.import_module(name)", "tf.numpy_function(f, [x], tf.float32)"])
def test_unsafe_things_are_seen(source):
    assert unsafe(ast.parse(source), "losses/example")
    assert not unsafe(ast.parse("import numpy as np\nnp.load(file, allow_pickle=False)"), "losses/example")


@FILES
def test_no_work_at_import_time(path):
    quiet = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    loud = [node.lineno for node in tree(path).body
            if not isinstance(node, quiet) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            and not (isinstance(node, ast.If) and ast.unparse(node.test) in
                     {"__name__ == '__main__'", "typing.TYPE_CHECKING", "TYPE_CHECKING"})]
    assert not loud, f"{relative(path)} does work when it is imported, lines {loud}: move it into a function"

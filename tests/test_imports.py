"""Who may import whom: the table of the architecture, read against the syntax trees."""

import ast
import functools
import graphlib
import sys
from pathlib import Path

import pytest

from tests.support.sources import PACKAGE, imports, place, python_files, relative, tree

BOTTOM = {"errors", "palette", "logs"}  # every file may import these

# Room or file (the longest that matches counts): what it may import of ours, what of others.
# A room may import itself; TensorFlow stands only where it may be used. "*": everything.
TABLE = {
    "__init__":            ("", ""),
    "errors":              ("", ""),
    "logs":                ("", "rich"),
    "commands":            ("", ""),
    "palette":             ("", "numpy"),
    "optim":               ("", "numpy keras"),
    "ops":                 ("", "numpy keras"),
    "ops/permutohedral":   ("", "numpy keras tensorflow"),
    "ops/lattice_filter":  ("", "numpy keras tensorflow"),
    "ops/mean_field":      ("", "numpy keras tensorflow"),
    "ops/replicas":        ("", "keras tensorflow"),
    "ops/sparse_product":  ("", "numpy keras tensorflow"),
    "settings":            ("", "pydantic"),
    "config":              ("settings", "pydantic yaml"),
    "layers":              ("ops", "keras numpy"),
    "layers/dense_crf":    ("ops", "keras numpy pydensecrf"),
    "losses":              ("ops", "keras numpy"),
    "metrics":             ("ops", "keras numpy"),
    "backbones":           ("layers ops", "keras numpy"),
    "backbones/initial":   ("layers ops", "keras numpy h5py"),
    "models":              ("backbones layers losses metrics ops", "keras numpy"),
    "refine":              ("", "numpy scipy cv2 skimage"),
    "convert":             ("", "numpy keras safetensors"),
    "artefacts":           ("", "numpy PIL"),
    "journal":             ("", ""),
    "drawing":             ("", "numpy PIL cv2"),
    "curves":              ("", "numpy matplotlib"),
    "data":                ("artefacts", "tensorflow numpy PIL cv2"),
    "data/sources":        ("artefacts settings", "numpy"),
    "distribute":          ("", "keras tensorflow"),
    "progress":            ("", "keras rich"),
    "stages":              ("settings artefacts optim distribute checkpoint data/image_set", "keras numpy rich cv2"),
    "runner":              ("settings artefacts optim distribute stages", "keras numpy rich"),
    "callbacks":           ("settings artefacts optim distribute drawing progress metrics/iou",
                            "keras numpy rich tensorflow"),
    "checkpoint":          ("settings artefacts optim distribute", "keras numpy rich tensorflow"),
    "serving":             ("models layers ops data/images data/canvas data/png",
                            "tensorflow keras numpy tensorflow_serving"),
    "serve":               ("commands", "tensorflow numpy PIL grpc aiohttp tensorflow_serving google"),
    "methods":             ("optim ops journal settings layers losses metrics backbones models refine convert "
                            "artefacts drawing data distribute stages runner callbacks progress checkpoint",
                            "numpy keras pydantic"),
    "runs":                ("config settings artefacts data methods", "numpy"),
    "scoring":             ("artefacts data metrics refine", "numpy"),
    "gallery":             ("artefacts data drawing metrics refine", "numpy PIL"),
    "training":            ("*", "numpy keras rich"),
    "prediction":          ("*", "numpy keras rich PIL"),
    "conversion":          ("*", "numpy keras"),
    "train":               ("*", "numpy keras rich"),
    "evaluate":            ("*", "numpy keras rich"),
    "predict":             ("*", "numpy keras rich PIL"),
    "export":              ("*", "numpy keras"),
    "exporting":           ("*", "numpy keras"),
    "report":              ("*", "jinja2"),
    "report_facts":        ("*", "numpy"),
    "convert/__main__":    ("*", "numpy keras rich"),
}
# what the commands are made of counts as one room at the top of the chain
COMMANDS = {"train", "training", "evaluate", "predict", "prediction", "report", "report_facts", "export", "runs",
            "scoring", "gallery", "curves", "serve", "conversion", "exporting"}
SHARED = {"retrain"}  # a method that is also the ending of the others
LONGEST_CHAIN = 7  # rooms one above the other, the bottom ones not counted


def row(where: str) -> str | None:
    """Returns the table's key for a place: the longest prefix that it knows."""
    parts = where.split("/")
    keys = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((key for key in keys if key in TABLE), None)


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
        return owner(there) in (None, owner(here))
    return bool({other, there, there.split("/")[0]} & set(ours))


@functools.cache
def owner(where: str) -> str | None:
    """Returns the method that a file of methods/ belongs to (`methods/icd`, `methods/icd_training`), None if shared."""
    names = next(ast.literal_eval(node.value) for node in tree(PACKAGE / "methods" / "__init__.py").body
                 if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METHODS")
    room, _, file = where.partition("/")
    own = [name for name in names if name not in SHARED]
    return next((name for name in own if room == "methods" and f"{file}_".startswith(f"{name}_")), None)


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


def room_of(where: str) -> str:
    """Returns a place's room in the chain."""
    room = where.split("/")[0]
    return "commands" if room in COMMANDS or where == "convert/__main__" else room


FILES = pytest.mark.parametrize("path", python_files("tfwsss"), ids=relative)


@FILES
def test_every_file_has_a_row(path):
    assert row(place(path)), f"{relative(path)} has no row in this test's table: decide what it may import"


def known(path: Path) -> str:
    """Returns a file's place, or skips: one test tells of a missing row, not three."""
    if row(place(path)) is None:
        pytest.skip("has no row in the table")
    return place(path)


@FILES
def test_imports_go_downwards(path):
    here = known(path)
    wrong = [f"line {line}: {there}" for module, name, line in imports(path)
             if (there := target(module, name)) and not allowed(here, there)]
    assert not wrong, f"{relative(path)} may import from {TABLE[row(here)][0] or 'nothing of ours'}, not {wrong}"


@FILES
def test_third_party_packages(path):
    others = TABLE[row(known(path))][1].split()
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
        reached = {room_of(there) for there in theirs} - BOTTOM - {room_of(here), "__init__"}
        rooms.setdefault(room_of(here), set()).update(reached)

    @functools.cache
    def chain(room: str) -> tuple[str, ...]:
        return (room, *max((chain(lower) for lower in rooms[room]), key=len, default=()))

    longest = max((chain(room) for room in rooms), key=len)
    assert len(longest) <= LONGEST_CHAIN, f"{len(longest)} rooms above each other: {' -> '.join(longest)}"


@FILES
def test_no_work_at_import_time(path):
    quiet = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    loud = [node.lineno for node in tree(path).body
            if not isinstance(node, quiet) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            and not (isinstance(node, ast.If) and ast.unparse(node.test) in
                     {"__name__ == '__main__'", "typing.TYPE_CHECKING", "TYPE_CHECKING"})]
    assert not loud, f"{relative(path)} does work when it is imported, lines {loud}: move it into a function"

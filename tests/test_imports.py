"""Who may import whom: the rooms in their order, read against the syntax trees."""

import ast
import functools
import graphlib
import sys

import pytest

from tests.support.sources import PACKAGE, for_each, imports, place, python_files, relative, tree

BOTTOM = ("errors", "logs", "palette", "cli")  # every file may import these

# Rooms from the bottom to the top, and what of others they may import. A room may import itself and the rooms that
# stand before it in this list, of methods/ none another method; TensorFlow stands only where it may be used.
ROOMS = {
    "ops":             "numpy keras",
    "layers":          "numpy keras",
    "losses":          "numpy keras",
    "metrics":         "numpy",
    "weights/formats": "numpy",
    "backbones":       "numpy keras",
    "models":          "numpy keras",
    "settings":        "pydantic yaml",
    "artefacts":       "numpy PIL",
    "annotations":     "numpy cv2",
    "data":            "numpy PIL cv2 tensorflow",
    "batches":         "numpy tensorflow",
    "inference":       "numpy keras tensorflow",
    "refine":          "numpy scipy cv2 skimage",
    "runs":            "numpy",
    "training":        "numpy keras pydantic",
    "steps":           "numpy keras pydantic tensorflow",
    "methods":         "numpy keras pydantic tensorflow",
    "reports":         "numpy PIL jinja2 matplotlib",
    "saved_model":     "numpy keras tensorflow tensorflow_serving",
    "server":          "numpy tensorflow tensorflow_serving grpc aiohttp google orjson",
    "weights":         "numpy keras",
    "scale":           "numpy",
}
TO_COME: set[str] = set()

# Rooms that may import less of ours than stands above them.
LESS = {
    "backbones": "layers ops weights/formats",
    "artefacts": "",
    "data": "annotations artefacts settings",
    "refine": "",                   # one image's arrays
    "annotations": "",              # arrays
    "server": "annotations artefacts",      # saved models, and masks of theirs
    "weights/formats": "",
    "weights": "weights/formats backbones models",
}
# Files that may import other packages than their room, in place of those.
FILES = {
    "errors": "", "palette": "numpy", "logs": "rich", "cli": "",
    "ops/lattice_filter": "numpy keras tensorflow", "ops/mean_field": "numpy keras tensorflow",
    "ops/permutohedral": "numpy keras tensorflow", "ops/random_walk": "numpy keras tensorflow",
    "ops/place_dropout": "tensorflow", "ops/replicas": "keras tensorflow", "ops/sparse_product": "tensorflow",
    "layers/dense_crf": "numpy keras pydensecrf",
    "backbones/facts": "", "backbones/thinning": "numpy",
    "settings/sections": "pydantic", "data/heic": "pillow_heif",
    "inference/explained": "numpy keras tf_keras_vis",
    "artefacts/drawing": "numpy PIL cv2", "artefacts/models": "keras",
    "runs/stage": "numpy keras", "runs/checkpoint": "numpy keras", "runs/devices": "keras tensorflow",
    "runs/workers": "cv2", "runs/data_parallel": "jax keras",
    "training/fused_momentum": "keras tensorflow",
    "training/graph_group": "numpy tensorflow", "training/graph_losses": "tensorflow",
    "training/graph_solver": "numpy tensorflow",
    "training/stored_features": "numpy keras tensorflow",
    "training/tensorboard": "numpy keras tensorflow", "training/progress": "keras rich",
    "methods/predict": "numpy PIL", "methods/predictions": "numpy PIL",
    "scale/labeller": "numpy tensorflow", "scale/pipeline": "apache_beam", "scale/places": "apache_beam",
    "scale/reasons": "PIL",
    # doors: the command line, and what they print
    "__init__": "", "train": "", "predict": "", "export": "", "serve": "", "report": "", "evaluate": "rich",
    "convert": "numpy", "annotate": "", "label": "",
}
# rooms one above the other, doors included, the bottom files not: evaluate, reports, methods, steps, training, runs,
# inference, batches, data, settings, backbones, layers, ops
LONGEST_CHAIN = 13


def room_of(where: str) -> str:
    """Returns a place's room: the longest prefix that is one, or the file itself at the top."""
    parts = where.split("/")
    found = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in found if name in ROOMS), parts[0])


def packages(where: str) -> list[str] | None:
    """Returns what of others a place may import, or None where neither it nor its room is in the table."""
    found = FILES.get(where, ROOMS.get(room_of(where)))
    return None if found is None else found.split()


def target(module: str, name: str) -> str | None:
    """Returns the place of ours that an import reaches, or None if it is another's."""
    if module.split(".")[0] != "tfwsss":
        return None
    inner = module.split(".")[1:]
    if name and (PACKAGE.joinpath(*inner, f"{name}.py").exists() or PACKAGE.joinpath(*inner, name).is_dir()):
        inner = [*inner, name]
    where = "/".join(inner) or "__init__"
    return f"{where}/__init__" if (PACKAGE / where).is_dir() else where


def may_import(room: str) -> set[str]:
    """Returns the rooms that a room may import; a door may import anything but doors."""
    if room in BOTTOM or room == "__init__":
        return set()
    if room not in ROOMS:
        return set(ROOMS)
    order = list(ROOMS)
    return set(LESS[room].split()) if room in LESS else set(order[:order.index(room)])


def allowed(here: str, there: str) -> bool:
    """Says whether a place of ours may import another."""
    room, other = room_of(here), room_of(there)
    if there == "__init__" or (other in BOTTOM and (room not in BOTTOM or other == "errors")):
        return True
    if room == other:
        return method_of(there) in (None, method_of(here)) or method_of(here) is None
    return other in may_import(room)


def method_of(where: str) -> str | None:
    """Returns the method that a file of methods/ belongs to, None if it is for all."""
    parts = where.split("/")
    return parts[1] if parts[0] == "methods" and len(parts) > 2 else None


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


FILES_OF_OURS = for_each(python_files("tfwsss"))


def test_rooms_are_those_of_the_table():
    folders = {room_of(place(path)) for path in python_files("tfwsss") if path.parent != PACKAGE}
    assert folders == set(ROOMS) - {room for room in TO_COME if not (PACKAGE / room).is_dir()}


def test_only_doors_and_four_files_lie_loose():
    loose = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    doors = {"train", "evaluate", "predict", "export", "serve", "report", "convert", "annotate", "label"}
    assert loose == doors | set(BOTTOM), "a file belongs into a room, unless it is a command"


def test_every_method_is_a_folder_of_the_same_files():
    folders = {path.name for path in (PACKAGE / "methods").iterdir() if path.is_dir() and path.name != "__pycache__"}
    listed = next(ast.literal_eval(node.value) for node in tree(PACKAGE / "methods" / "__init__.py").body
                  if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METHODS")
    assert folders == set(listed)
    kinds = {path.stem for name in folders for path in (PACKAGE / "methods" / name).glob("*.py")}
    assert kinds <= {"__init__", "config", "stages", "training", "masker"}
    assert all((PACKAGE / "methods" / name / "stages.py").is_file() for name in folders)


@FILES_OF_OURS
def test_every_file_has_a_row(path):
    assert packages(place(path)) is not None, \
        f"{relative(path)} has no row in this test's tables: decide what it may import"


@FILES_OF_OURS
def test_imports_go_upwards_in_the_list(path):
    here = place(path)
    wrong = [f"line {line}: {there}" for module, name, line in imports(path)
             if (there := target(module, name)) and not allowed(here, there)]
    may = " ".join(room for room in ROOMS if room in may_import(room_of(here))) or "no other room"
    assert not wrong, f"{relative(path)} may import {may}, not {wrong}"


@FILES_OF_OURS
def test_third_party_packages(path):
    others = packages(place(path)) or ()
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
        reached = {room_of(there) for there in theirs} - {room_of(here), "__init__", *BOTTOM}
        rooms.setdefault(room_of(here), set()).update(reached)

    @functools.cache
    def chain(room: str) -> tuple[str, ...]:
        return (room, *max((chain(lower) for lower in rooms[room]), key=len, default=()))

    longest = max((chain(room) for room in rooms), key=len)
    assert len(longest) <= LONGEST_CHAIN, f"{len(longest)} rooms above each other: {' -> '.join(longest)}"


@FILES_OF_OURS
def test_no_work_at_import_time(path):
    quiet = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    loud = [node.lineno for node in tree(path).body
            if not isinstance(node, quiet) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            and not (isinstance(node, ast.If) and ast.unparse(node.test) in
                     {"__name__ == '__main__'", "typing.TYPE_CHECKING", "TYPE_CHECKING"})]
    assert not loud, f"{relative(path)} does work when it is imported, lines {loud}: move it into a function"

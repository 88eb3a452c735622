"""Nothing executes data: no pickles, no evaluated texts, no Python inside graphs."""

import ast

import pytest

from tests.support.sources import for_each, imports_in, place, python_files, relative, tree

NO_PYTHON_IN_GRAPH = {"ops", "layers", "losses", "backbones", "models", "inference", "saved_model"}
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "imp"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_KEYWORDS = {("allow_pickle", True), ("safe_mode", False), ("shell", True)}
UNSAFE_ATTRIBUTES = {"Lambda", "enable_unsafe_deserialization", "import_module"}
UNSAFE_NAMES = {"numpy_function", "py_function", "tf_py_function"}


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


@for_each(python_files("tfwsss"))
def test_nothing_unsafe(path):
    assert not (found := unsafe(tree(path), place(path))), f"{relative(path)}: {found}"


@pytest.mark.parametrize("source", [
    "import pickle", "from keras import *", "np.load(file, allow_pickle=True)", "eval('1')", "keras.layers.Lambda(f)",
    "from keras.layers import Lambda", "importlib.import_module(name)", "tf.numpy_function(f, [x], tf.float32)"])
def test_unsafe_things_are_seen(source):
    assert unsafe(ast.parse(source), "losses/example")
    assert not unsafe(ast.parse("import numpy as np\nnp.load(file, allow_pickle=False)"), "losses/example")

"""Programs beside the package, which no other test runs, use names that it has."""

import ast
import importlib

import pytest

from tests.support.sources import python_files, relative, tree


@pytest.mark.parametrize("path", python_files("benchmarks", "export"), ids=relative)
def test_what_they_import_exists(path):
    """An import that is tried, for the sake of an earlier version, may fail."""
    tried = {node for block in ast.walk(tree(path)) if isinstance(block, ast.Try) for node in ast.walk(block)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfwsss" and node not in tried:
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")

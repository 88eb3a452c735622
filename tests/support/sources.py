"""The project's files as syntax trees, for the tests of the house rules."""

import ast
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tfwsss"


def python_files(*folders: str) -> list[Path]:
    """Returns the Python files under folders of the project, sorted, caches left out."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


@functools.cache
def tree(path: Path) -> ast.Module:
    """Returns a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def for_each(paths: Iterable[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Makes a rule for one file into one test of all, which tells of every file that breaks it."""
    paths = list(paths)

    def as_one(rule: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as error:
                    broken.append(str(error))
            assert paths and not broken, "\n".join(broken)

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return as_one


def relative(path: Path) -> str:
    """Returns a path as the messages show it."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """Returns `tfwsss.ops.resize` for tfwsss/ops/resize.py and `tfwsss.ops` for its __init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yields every function and method below a node."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield inner


def public_members(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    """Returns a file's public functions and classes, without what lies inside them."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in tree(path).body if isinstance(node, kinds) and not node.name.startswith("_")]


def docstring_nodes(root: ast.AST) -> set[ast.AST]:
    """Returns the constants that are docstrings, or the text under a constant that explains it."""
    found = set()
    for node in ast.walk(root):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                found.add(statement.value)
    return found


def commands() -> list[str]:
    """Returns the modules that are commands: those with a function `build_parser`."""
    with_parser = [path for path in python_files("tfwsss") if "build_parser" in {f.name for f in tree(path).body
                   if isinstance(f, ast.FunctionDef)}]
    return [module_name(path) for path in with_parser]


def place(path: Path) -> str:
    """Returns `ops/resize` for tfwsss/ops/resize.py, `__init__` for the package itself."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


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

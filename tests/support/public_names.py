"""The public surface, as a list that is committed: a change of it is a visible line of a diff.

`python -m tests.support.public_names` writes tests/support/public_names.txt anew.
"""

import ast
from pathlib import Path

from tests.support.sources import module_name, python_files, relative, tree

LIST = Path(__file__).with_name("public_names.txt")


def public_names() -> list[str]:
    """Returns a sorted line for each public function, class and constant of the package, with its arguments."""
    lines = []
    for path in python_files("tfwsss"):
        if any(part.startswith("_") and part != "__init__.py" for part in path.parts[-2:]):
            continue
        for node in tree(path).body:
            lines += [f"{module_name(path)}.{text}" for text in described(node)]
    return sorted(lines)


def described(node: ast.stmt) -> list[str]:
    """Returns how a statement of a module appears in the list: nothing for what is private."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        texts = [f"{node.name}({arguments(node)})"]
    elif isinstance(node, ast.ClassDef):
        texts = [f"{node.name}({fields(node)})"]
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        made = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "functools.partial"
        texts = [target.id for target in targets if isinstance(target, ast.Name) and (made or target.id.isupper())]
    else:
        texts = []
    return [text for text in texts if not text.startswith("_")]


def arguments(function: ast.FunctionDef) -> str:
    """Returns the names of a function's arguments, without `self`; optional ones end in `=`."""
    spec = function.args
    first = len(spec.posonlyargs) + len(spec.args) - len(spec.defaults)
    names = [argument.arg + "=" * (index >= first) for index, argument in enumerate([*spec.posonlyargs, *spec.args])]
    names += [f"*{spec.vararg.arg}"] if spec.vararg else ["*"] * bool(spec.kwonlyargs)
    names += [argument.arg + "=" * (default is not None)
              for argument, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    names += [f"**{spec.kwarg.arg}"] if spec.kwarg else []
    return ", ".join(name for name in names if name not in ("self", "cls"))


def fields(node: ast.ClassDef) -> str:
    """Returns the arguments of a class: those of its constructor, or its typed fields."""
    constructor = next((item for item in node.body if getattr(item, "name", "") == "__init__"), None)
    if constructor is not None:
        return arguments(constructor)
    typed = [item for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
    return ", ".join(item.target.id + "=" * (item.value is not None) for item in typed)


if __name__ == "__main__":
    LIST.write_text("\n".join(public_names()) + "\n", encoding="utf-8")
    print(f"{len(public_names())} names written to {relative(LIST)}")

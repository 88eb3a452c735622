"""The pages of docs/ and the scripts that fill them, for the tests of the documentation."""

import importlib.util
import re
import unicodedata
from pathlib import Path

from tests.support.sources import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def loaded(name: str):
    """Imports a script of docs/."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS, GENERATED = loaded("hooks"), loaded("generated")


def without_code(text: str) -> str:
    """Returns a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> list[str]:
    """Returns the anchors of a page's headings, by the rule of Python-Markdown."""
    found = []
    for title in re.findall(r"^#+ +(.*)$", without_code(path.read_text("utf-8")), re.MULTILINE):
        plain = unicodedata.normalize("NFKD", re.sub(r"[`*]", "", title)).encode("ascii", "ignore").decode()
        found.append(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found

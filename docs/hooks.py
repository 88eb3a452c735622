"""What MkDocs does with a page before it is laid out: parts of the program and files of the project are put in.

A page says where by a line of its own, which viewers of plain Markdown do not show:

    <!-- settings: icd -->                  tables of a method's settings, of `generated.py`
    <!-- stages: icd -->                    drawing of its stages, of `generated.py`
    <!-- file: configs/icd_voc12.yaml -->   a file of the project, folded
    <!-- text: export/README.md -->         a Markdown file of the project without its title

Equations between `$$` become MathML, which browsers show without any script.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GENERATED = ROOT / "build" / "docs"
"""Where `make docs` lets `generated.py` write."""

MARK = re.compile(r"^<!-- (settings|stages|file|text): (\S+) -->$", re.MULTILINE)
EQUATION = re.compile(r"^\$\$\n(.*?)\n\$\$$", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, **others: Any) -> str:
    """Returns a page with its parts put in; MkDocs calls it.

    Args:
        markdown: of the page.
        **others: not read.
    """
    return EQUATION.sub(lambda match: f"\n{mathml(match[1])}\n", filled(markdown))


def filled(markdown: str, generated: Path = GENERATED) -> str:
    """Returns a page whose marks are replaced by what they name.

    Args:
        markdown: of the page.
        generated: folder that `generated.py` has written.

    Raises:
        FileNotFoundError: a mark names a file that is not there.
    """
    parts: dict[str, Callable[[str], str]] = {
        "settings": lambda name: deeper((generated / f"settings_{name}.md").read_text(encoding="utf-8")),
        "stages": lambda name: _one_line((generated / f"stages_{name}.svg").read_text(encoding="utf-8")),
        "file": _folded, "text": lambda name: (ROOT / name).read_text(encoding="utf-8").partition("\n")[2].strip()}
    return MARK.sub(lambda match: parts[match[1]](match[2]), markdown)


def deeper(markdown: str) -> str:
    """Returns Markdown whose headings are one level deeper.

    Args:
        markdown: with headings by `#`.
    """
    return re.sub(r"^#", "##", markdown, flags=re.MULTILINE)


def _one_line(svg: str) -> str:
    """Returns a drawing as a block of HTML, which an empty line would end."""
    return f'<div class="stages">{svg.replace(chr(10), "")}</div>'


def _folded(name: str) -> str:
    lines = (ROOT / name).read_text(encoding="utf-8").rstrip().splitlines()
    inner = "\n".join(f"    {line}".rstrip() for line in [f"```{Path(name).suffix[1:]}", *lines, "```"])
    return f'??? note "`{name}`"\n\n{inner}'


def mathml(equation: str) -> str:
    r"""Returns an equation as a block of MathML.

    Args:
        equation: of LaTeX; lines that end in `\\` stand below each other.
    """
    from latex2mathml.converter import convert

    lines = [convert(line.strip(), display="block") for line in re.split(r"\\\\\s*\n", equation)]
    return f'<div class="equation">{"".join(lines)}</div>'

"""What the documentation takes from the program and from files: settings, drawings of stages, equations, configs."""

import re

import pytest

from tests.support.docs import GENERATED, HOOKS, PAGES
from tests.support.sources import ROOT, relative
from tfwsss import methods


def test_what_the_program_tells_is_put_in(tmp_path):
    (tmp_path / "stages_icd.svg").write_text("<svg>\n</svg>\n")
    (tmp_path / "settings_icd.md").write_text("## icd\n\n| key |\n")
    page = "a\n\n<!-- stages: icd -->\n\n<!-- settings: icd -->\n\n<!-- file: configs/retrain_animals.yaml -->\n"
    filled = HOOKS.filled(page, tmp_path)
    assert '<div class="stages"><svg></svg></div>' in filled and "\n### icd\n" in filled
    assert '??? note "`configs/retrain_animals.yaml`"' in filled and "\n    method: retrain\n" in filled
    assert HOOKS.filled("<!-- text: export/README.md -->").startswith("`python -m tfwsss.export")
    with pytest.raises(FileNotFoundError):
        HOOKS.filled("<!-- file: configs/no.yaml -->")


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_equations_are_closed(path):
    lines = path.read_text("utf-8").splitlines()
    assert lines.count("$$") == 2 * len(HOOKS.EQUATION.findall(path.read_text("utf-8")))
    assert not [line for line in lines if "$$" in line and line != "$$"]


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_marks_can_be_filled(path, tmp_path):
    marks = HOOKS.MARK.findall(path.read_text("utf-8"))
    assert len(marks) == path.read_text("utf-8").count("<!-- ")
    for kind, name in marks:
        if kind in ("settings", "stages"):
            assert name in (*methods.METHODS, "run")
        else:
            assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", methods.METHODS)
def test_drawings_and_tables_are_complete(name):
    """Every stage has a box of its own, every line goes from a stage to one below it; every key stands in one table."""
    from tfwsss.settings.reference import keys_of

    own = methods.get(name)
    config = own.config(method=name)
    stages = GENERATED.listed_stages(own, config)
    drawn = GENERATED.drawing(stages)
    assert re.findall(r'<text x="87" y="\d+" text-anchor="middle" fill="#111">(\w+)</text>', drawn) == \
        [stage.name for stage in stages]
    assert drawn.count("<path") == 2 * len({(need, stage.name) for stage in stages for need in stage.needs
                                            if need in {each.name for each in stages}})
    tables = GENERATED.settings(config, own=True) + GENERATED.settings(config, own=False)
    listed = re.findall(r"^\| `([\w.]+)` \|", tables, re.MULTILINE)
    assert sorted(listed) == sorted(key.path for key in keys_of(config) if key.path != "method")

"""Every command and every example of the documentation runs, on small data and with small networks."""

import doctest
import importlib
import io
import re
import shlex
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tests.support.docs import PAGES
from tests.support.documented import (
    ELSEWHERE,
    FURTHER,
    MADE_BY,
    RUN,
    TEXTS,
    WORDS,
    commands,
    documented,
    reason,
    smaller,
    substituted,
    trains,
    write_weights,
    write_world,
)
from tests.support.sources import ROOT, relative
from tests.test_doctests import FLAGS

pytestmark = pytest.mark.usefixtures("kept_maskers")

TYPED = [line for line in documented() if reason(line) is None]
PREDICTS = "python -m tfwsss.predict new_photos --run runs/icd-folder --out found"
EXPORTS_IT = "python -m tfwsss.export --run runs/icd-folder --to export/models/animals"
TRAININGS = [line for line in TYPED if trains(line) and line != MADE_BY]
EXPORTS = [line for line in TYPED if re.match(r"python -m tfwsss\.(export|label) ", line)]


def each(lines: list[str]):
    """Returns a parameter of commands."""
    return pytest.mark.parametrize("line", lines, ids=lambda line: line.removeprefix("python -m tfwsss."))


def type_in(line: str, *further: str) -> None:
    """Runs a command of ours in this process; it must end well."""
    module, *words = shlex.split(substituted(line))[2:]
    if "annotate" in module:                                    # which writes into a new folder only
        shutil.rmtree(words[words.index("--out") + 1], ignore_errors=True)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = importlib.import_module(module).main([*further, *words])
    assert code == 0, f"{line}\n{err.getvalue()}"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A folder with all that commands name, and the run that they read."""
    root = write_world(tmp_path_factory.mktemp("documented"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        type_in(MADE_BY, *smaller(MADE_BY))
    return root


@pytest.fixture
def run_of_examples(world) -> Path:
    """Examples call their run otherwise."""
    if not (world / "runs" / "photos").exists():
        shutil.copytree(world / RUN, world / "runs" / "photos")
    return world


@each([line for line in TYPED if line not in (*TRAININGS, *EXPORTS, MADE_BY)])
def test_commands_run(line, world, monkeypatch):
    monkeypatch.chdir(world)
    if " found " in line and line != PREDICTS and not Path("found").exists():
        type_in(PREDICTS)
    type_in(line)


@pytest.mark.slow  # graphs are built several times over; processes of their own
@each(EXPORTS)
def test_exports_run(line, world, monkeypatch):
    monkeypatch.chdir(world)
    if "--model " in line and not Path("export/models/animals").exists():
        type_in(EXPORTS_IT)
    type_in(line)


@each(TRAININGS)
def test_small_settings_are_settings(line, monkeypatch):
    """Of the trainings that are slow; what the command itself sets wins."""
    from tfwsss.methods.run import read_settings
    from tfwsss.settings.reading import merge, parse_sets
    from tfwsss.train import build_parser

    monkeypatch.chdir(ROOT)
    options = build_parser().parse_args([*smaller(line), *shlex.split(substituted(line))[3:]])
    own = parse_sets(build_parser().parse_args(shlex.split(line)[3:]).sets)
    settings = read_settings(options.method, options.config, options.sets).model_dump(mode="json")
    assert merge(settings, own) == settings


@pytest.mark.slow  # some forty trainings
@each(TRAININGS)
def test_trainings_run(line, world, tmp_path, monkeypatch):
    """Each with runs/ of its own: that of the others where it names one, else none."""
    from tfwsss.data.demo import draw_demo

    if "cam.maps" in line:
        pytest.importorskip("tf_keras_vis", reason="tf-keras-vis is not installed; pip install 'tfwsss[viz]'")
    for path in world.iterdir():
        if path.name not in ("runs", "RUN"):
            (tmp_path / path.name).symlink_to(path.resolve())
    if re.search(r"runs/icd-folder|RUN", line):
        shutil.copytree(world / "runs", tmp_path / "runs")
        (tmp_path / "RUN").symlink_to(tmp_path / RUN)
    draw_demo(tmp_path / "runs" / "demo-2-400-0", 20)           # the built-in set, with fewer pictures
    write_weights(tmp_path)
    monkeypatch.chdir(tmp_path)
    type_in(line, *smaller(line))


@pytest.mark.parametrize("path", [path for path in PAGES if ">>> " in path.read_text("utf-8")], ids=relative)
def test_examples_run(path, run_of_examples, monkeypatch):
    monkeypatch.chdir(run_of_examples)
    blocks = re.findall(r"^```pycon\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    case = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, relative(path), str(path), 0)
    assert case.examples
    report = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(case, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_each_command_is_typed_or_left_to_others():
    """A command that is new, or a block of something else without a language, is in neither list."""
    unknown = [line for line in TYPED if not re.match(r"python -m tfwsss\.\w+ ", line)]
    assert not unknown, f"neither a command of ours, nor in ELSEWHERE; blocks of data are headed ```text: {unknown}"
    assert len(TYPED) > 40 and MADE_BY in TYPED and {PREDICTS, EXPORTS_IT} <= set(TYPED)


def test_what_stands_in_is_used_and_what_proves_exists():
    lines = list(documented())
    unused = [each for each in ELSEWHERE if each not in map(reason, lines)]
    unused += [each for each in WORDS if not any(each in line for line in TYPED)]
    unused += [each for each in FURTHER if not any(re.search(each, line) for line in TRAININGS)]
    assert not unused
    assert [each for text in ELSEWHERE.values() for each in re.findall(r"tests/[\w/]+(?:\.py)?", text)
            if not (ROOT / each).exists()] == []


def test_commands_are_seen():
    text = "Type `make x`, `pip` or\n```\npython a.py \\\n    --b  # c\n# d\nx=1 y\n```\n```text\nnone\n```\n`python z`"
    assert list(commands(text)) == ["python a.py --b", "x=1 y", "make x", "python z"]
    assert len(TEXTS) > 20

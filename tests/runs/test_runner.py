import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.tiny_run import times
from tfwsss.errors import UserError
from tfwsss.runs import runner
from tfwsss.runs.stage import Context, Stage

CHAIN = {"a": (), "b": ("a",), "c": ("b",), "d": ("a",)}


class Chain:
    """Four stages that write what they read; `calls` names those that worked."""

    def __init__(self, folder: Path, kind: str = "masks", **settings):
        self.calls: list[str] = []
        self.folder = folder
        self.stages = [Stage(name, kind, needs, settings.get(name, {"x": 1}), self._work(name))
                       for name, needs in CHAIN.items()]

    def _work(self, name):
        def work(context, inputs, output):
            self.calls.append(name)
            read = ", ".join((path / "file").read_text() for path in inputs.values())
            (output / "file").write_text(f"{name}({read})")
            return {f"image of {name}": "torn"} if name in "ad" else {}
        return work

    def run(self, redo: Sequence[str] = (), **options) -> list[str]:
        """Runs the stages, after those to redo were taken away, and returns which of them worked."""
        self.calls.clear()
        for stage in runner.depending(self.stages, set(redo)):
            runner.remove_folder(self.folder / stage.name)
        self.faults = runner.run(self.stages, self.folder, **options)
        return list(self.calls)


@pytest.fixture
def finished(tmp_path) -> Chain:
    chain = Chain(tmp_path)
    assert chain.run() == ["a", "b", "c", "d"]
    return chain


def record(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text())


def test_stages_read_finished_ones(finished):
    assert (finished.folder / "c" / "file").read_text() == "c(b(a()))"
    assert finished.faults == {"image of a": "torn", "image of d": "torn"}
    told = record(finished.folder / "b")
    assert (told["name"], told["kind"], told["settings"], told["faults"]) == ("b", "masks", {"x": 1, "seed": 0}, {})
    assert told["needs"] == {"a": record(finished.folder / "a")["fingerprint"]}


def test_what_is_finished_is_kept(finished):
    before = times(finished.folder, CHAIN)
    assert finished.run() == []
    assert times(finished.folder, CHAIN) == before
    assert finished.faults == {"image of a": "torn", "image of d": "torn"}      # still told


def test_every_stage_is_announced(finished):
    """The scorer hears also of stages that were kept."""
    heard = []
    finished.run(finished=lambda stage, output: heard.append((stage.name, output)))
    assert heard == [(name, finished.folder / name) for name in CHAIN]


def test_a_stage_that_made_nothing_may_change(tmp_path):
    """A mistake told in a stage's first second is mended without --redo."""
    def refuse(context, inputs, output):
        raise UserError("no such weights")

    with pytest.raises(UserError, match="no such weights"):
        runner.run([Stage("a", "masks", (), {"x": 1}, refuse)], tmp_path)
    assert Chain(tmp_path, a={"x": 2}).run(until="a") == ["a"] and record(tmp_path / "a")["settings"]["x"] == 2


def test_a_stage_that_was_killed_goes_on(finished, tmp_path):
    def die(context, inputs, output):
        (output / "half").write_text("done")
        raise KeyboardInterrupt

    stage, output = Stage("a", "masks", (), {"x": 1}, die), tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        runner.run([stage], output)
    assert (output / "a" / "started.json").is_file() and not (output / "a" / "stage.json").exists()
    chain = Chain(output)
    assert chain.run(until="a") == ["a"] and (output / "a" / "half").read_text() == "done"


@pytest.mark.parametrize("ends", ["finished", "killed"])
def test_another_setting_stops_the_run(finished, ends):
    """The setting, both values and two cures are named; nothing is made or deleted."""
    if ends == "killed":
        (finished.folder / "b" / "stage.json").unlink()
    chain, before = Chain(finished.folder, b={"x": 2}), times(finished.folder, CHAIN)
    with pytest.raises(UserError, match="b was made with b.x = 1, now 2; add --redo b to make it again, or name "
                                        "another folder with --run"):
        chain.run()
    assert chain.calls == [] and times(finished.folder, CHAIN) == before


@pytest.mark.parametrize(("old", "new", "words"), [
    ({"x": {"y": 1, "z": 2}}, {"x": {"y": 1, "z": 3}}, "b.x.z = 2, now 3"),
    ({"x": 1}, {"x": 1, "y": True}, "b.y = None, now True"),
    ({"images": "hash"}, {"images": "other"}, "was made with other images or labels; add --redo b"),
    ({"x": [1]}, {"x": [1, 2]}, r"b.x = \[1\], now \[1, 2\]"),
    ({"x": 1}, {"x": 1, "versions": {"dense_crf": 2}}, "was made with dense_crf version 1, now 2; add --redo b"),
    ({"versions": {"dense_crf": 3}}, {}, "was made with dense_crf version 3, now 1; add --redo b")])
def test_the_difference_is_named(tmp_path, old, new, words):
    Chain(tmp_path, b=old).run()
    with pytest.raises(UserError, match=words):
        Chain(tmp_path, b=new).run()


def test_seed_and_of_a_model_precision_are_part_of_a_result(tmp_path):
    """They are the run's, not the stage's; workers, devices and what is only shown change nothing."""
    Chain(tmp_path / "masks").run(context=Context(seed=1, workers=2))
    Chain(tmp_path / "masks").run(context=Context(seed=1, devices=2, mixed_precision=True, values={"seed": 1}))
    with pytest.raises(UserError, match="a was made with a.seed = 1, now 2; add --redo a"):
        Chain(tmp_path / "masks").run(context=Context(seed=2))
    Chain(tmp_path / "model", kind="model").run(context=Context(mixed_precision=True))
    with pytest.raises(UserError, match="a was made with a.mixed = True, now False; add --redo a"):
        Chain(tmp_path / "model", kind="model").run()


def test_the_difference_names_the_section(tmp_path):
    """Not every stage has its name from its section of the configuration."""
    chain = Chain(tmp_path)
    chain.stages[0] = dataclasses.replace(chain.stages[0], section="superpixels")
    chain.run()
    chain.stages[0] = dataclasses.replace(chain.stages[0], settings={"x": 2})
    with pytest.raises(UserError, match="a was made with superpixels.x = 1, now 2; add --redo a"):
        chain.run()


def test_another_kind_stops_the_run(finished):
    with pytest.raises(UserError, match="a was made as another kind of stage; add --redo a"):
        Chain(finished.folder, kind="scores").run()


def test_another_input_stops_the_run(finished):
    """A stage that was made again, by whatever way, makes those stale that read it."""
    Chain(finished.folder, a={"x": 2}).run(redo=["a"], until="a")
    (finished.folder / "b").mkdir()
    (finished.folder / "b" / "stage.json").write_text(json.dumps(
        {**record(finished.folder / "a"), "name": "b", "settings": {"x": 1, "seed": 0}, "needs": {"a": "other"}}))
    with pytest.raises(UserError, match="b was made from another 'a'; add --redo b"):
        Chain(finished.folder, a={"x": 2}).run()


@pytest.mark.parametrize(("redo", "made"), [("a", "abcd"), ("b", "bc"), ("c", "c"), ("d", "d")])
def test_redo_makes_all_that_depends_again(finished, redo, made):
    kept = times(finished.folder, [name for name in CHAIN if name not in made])
    assert finished.run(redo=[redo]) == list(made)
    assert times(finished.folder, [name for name in CHAIN if name not in made]) == kept
    assert not list(finished.folder.glob(".*"))


def test_redo_takes_another_setting(finished):
    chain = Chain(finished.folder, b={"x": 2})
    assert chain.run(redo=["b"]) == ["b", "c"] and record(finished.folder / "b")["settings"]["x"] == 2
    assert chain.run() == []


def test_until_stops(tmp_path):
    chain = Chain(tmp_path)
    assert chain.run(until="b") == ["a", "b"] and not (tmp_path / "c").exists()
    assert chain.run() == ["c", "d"]


@pytest.mark.parametrize("option", [{"until": "aa"}, {"given": {"aa": Path("x")}}])
def test_unknown_stages(tmp_path, option):
    with pytest.raises(UserError, match="unknown stage 'aa'; did you mean 'a'"):
        Chain(tmp_path).run(**option)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of one's own that stands for stage a."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    return tmp_path / "mine"


def test_a_given_folder_stands_for_a_stage(tmp_path, folder):
    chain = Chain(tmp_path / "run")
    assert chain.run(given={"a": folder}) == ["b", "c", "d"]
    assert (tmp_path / "run" / "c" / "file").read_text() == "c(b(mine))" and not (tmp_path / "run" / "a").exists()
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert chain.run(given={"a": folder}) == []
    (folder / "file").write_text("other text")
    with pytest.raises(UserError, match="b was made from another 'a'; add --redo b"):
        chain.run(given={"a": folder})


def test_until_a_given_stage_stops_there(tmp_path, folder):
    assert Chain(tmp_path / "run").run(given={"b": folder}, until="b") == ["a"]


def test_a_given_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="given.a: .*nowhere is no folder; give the folder with its masks files"):
        Chain(tmp_path).run(given={"a": tmp_path / "nowhere"})


@pytest.mark.parametrize("contents", ["{", "[1, 2]", '"text"', '{"finished": "now"}'])
def test_a_record_that_is_torn(finished, contents):
    (finished.folder / "b" / "stage.json").write_text(contents)
    with pytest.raises(UserError, match="b/stage.json cannot be read .*; delete its folder to make the stage again"):
        finished.run()

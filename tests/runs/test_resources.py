"""Disk and memory that will hardly suffice are told before a run starts."""

from types import SimpleNamespace

import pytest

from tfwsss.data.sources import Splits
from tfwsss.runs import resources
from tfwsss.runs.resources import free_memory, needed_on_disk, shortages

GIB = 2**30


def stage(name, kind, split="pseudo", trained=True, **settings):
    return SimpleNamespace(name=name, kind=kind, split=split, trained=trained, settings=settings)


def images(count):
    return SimpleNamespace(names=tuple(map(str, range(count))))


@pytest.fixture
def machine(monkeypatch):
    """A function that sets free bytes of the disk and of memory."""
    def of(disk=100 * GIB, memory=8 * GIB):
        monkeypatch.setattr(resources.shutil, "disk_usage", lambda folder: SimpleNamespace(free=disk))
        monkeypatch.setattr(resources, "free_memory", lambda: memory)
    return of


def test_files_of_every_image_and_copies_of_weights_count(tmp_path):
    (tmp_path / "w.weights.h5").write_bytes(bytes(1000))
    splits = Splits(images(10), images(4), images(3))
    stages = [stage("icd", "model", backbone={"initial": str(tmp_path / "w.weights.h5")}), stage("cam", "scores"),
              stage("masks", "masks", "val"), stage("segmenter", "model", backbone={"initial": None}),
              stage("clip", "model", trained=False, backbone={"initial": str(tmp_path / "w.weights.h5")})]
    assert needed_on_disk(stages, splits) == 8 * 1000 + (4 + 3) * 8192 + 1000


@pytest.mark.parametrize(("disk", "told"), [(2 * 8192, False), (2 * 8192 - 1, True)])
def test_disk(machine, tmp_path, disk, told):
    machine(disk=disk)
    found = shortages([stage("cam", "scores")], tmp_path, Splits(images(2), images(2), None))
    assert bool(found) == told
    assert not told or "0.0 MiB free, and this run will write at least 0.0 MiB; make room" in found[0]


def test_memory(machine, tmp_path):
    machine(memory=GIB)
    (line,) = shortages([stage("cam", "scores")], tmp_path, Splits(images(2), images(2), None))
    assert line.startswith("1.0 GiB of memory are free; runs want 2.0 GiB at least")
    machine(memory=None)
    assert shortages([stage("cam", "scores")], tmp_path, Splits(images(2), images(2), None)) == []


def test_a_finished_run_is_not_doubted(machine, tmp_path):
    machine(disk=0, memory=0)
    assert shortages([], tmp_path, Splits(images(2), images(2), None)) == []


@pytest.mark.parametrize(("text", "expected"), [
    ("MemTotal: 9 kB\nMemAvailable:   2048 kB\n", 2 * 2**20), ("MemTotal: 9 kB\n", None), ("MemAvailable:\n", None)])
def test_what_the_system_tells(tmp_path, text, expected):
    (tmp_path / "meminfo").write_text(text)
    assert free_memory(tmp_path / "meminfo") == expected
    assert free_memory(tmp_path / "none") is None

"""An object store of our own under Beam's FileSystems: `make test-scale`."""

import io
import json
from pathlib import Path

import pytest

from tests.support.tiny_export import draw, masks_of
from tfwsss.data.patterns import parse
from tfwsss.errors import UserError
from tfwsss.label import main
from tfwsss.scale import patterns, places

pytest.importorskip("apache_beam", reason="Apache Beam is not installed; make test-scale")
filesystem = pytest.importorskip("apache_beam.io.filesystem")


class Object(io.BytesIO):
    """Appears when it is closed."""

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(self.getvalue())
        super().close()


class Store(filesystem.FileSystem):
    """A folder that is reached by its scheme alone; `calls` says what was asked of it."""

    root = Path()
    calls: list[str] = []

    @classmethod
    def scheme(cls) -> str:
        return "test"

    def _at(self, path: str) -> Path:
        return self.root / path.removeprefix(f"{self.scheme()}://")

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def mkdirs(self, path):
        raise AssertionError("stores have no folders")

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        self.calls.append(f"list {dir_or_prefix}")
        for path in sorted(self.root.rglob("*")):
            name = f"{self.scheme()}://{path.relative_to(self.root).as_posix()}"
            if path.is_file() and name.startswith(dir_or_prefix):
                yield filesystem.FileMetadata(name, path.stat().st_size)

    def create(self, path, mime_type="application/octet-stream", compression_type="auto"):
        self.calls.append(f"create {path}")
        return Object(self._at(path))

    def open(self, path, mime_type="application/octet-stream", compression_type="auto"):
        return self._at(path).open("rb")

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        self.calls.append(f"rename {source_file_names[0]}")
        self._at(source_file_names[0]).rename(self._at(destination_file_names[0]))

    def exists(self, path):
        return self._at(path).is_file()

    def size(self, path):
        return self._at(path).stat().st_size

    def last_updated(self, path):
        return self._at(path).stat().st_mtime

    def checksum(self, path):
        raise NotImplementedError

    def metadata(self, path):
        return filesystem.FileMetadata(path, self.size(path))

    def delete(self, paths):
        for path in paths:
            self._at(path).unlink()


@pytest.fixture
def store(tmp_path, monkeypatch) -> list[str]:
    """What was asked of the store, whose root is `tmp_path`."""
    monkeypatch.setattr(Store, "root", tmp_path)
    monkeypatch.setattr(Store, "calls", [])
    return Store.calls


@pytest.mark.parametrize("whole", [False, True])
def test_objects_are_written_at_once_where_the_store_is_known_for_it(store, tmp_path, monkeypatch, whole):
    if whole:
        monkeypatch.setattr(places, "_WHOLE", ("test",))
    for text in (b"one", b"two"):
        places.write("test://bucket/a.png", text)
    assert places.read("test://bucket/a.png") == b"two" and [path.name for path in tmp_path.rglob("*.*")] == ["a.png"]
    created = [call for call in store if call.startswith("create")]
    assert (created == ["create test://bucket/a.png"] * 2) == whole
    assert sum(call.startswith("rename") for call in store) == (0 if whole else 2)


def test_patterns_of_a_store(store, tmp_path):
    draw(tmp_path / "bucket", ["a.jpg", "b/c.jpg", "b/.hidden.jpg"])
    asked = ("", "*.jpg", "b/", "a.jpg")
    found = {text: list(patterns.match(parse(f"test://bucket/{text}"))) for text in asked}
    assert found == {"": ["a.jpg", "b/c.jpg"], "*.jpg": ["a.jpg"], "b/": ["c.jpg"], "a.jpg": ["a.jpg"]}
    assert list(patterns.match(parse("test://bucket/", "test://bucket/b"))) == ["a.jpg"]


def test_an_unknown_store_is_told():
    with pytest.raises(UserError, match="nostore://x: cannot be used .*; check the path and your rights"):
        places.check_readable("nostore://x")


def test_the_command_from_store_to_store(export, store, tmp_path, capsys):
    """Model, photographs, tags and masks all lie in the store; the masks are those of files."""
    draw(tmp_path / "bucket" / "photos", ["a.jpg", "b/c.png"])
    (tmp_path / "bucket" / "tags.csv").write_text("name,classes\na,dog\n")
    for path in (export / "1").rglob("*"):
        if path.is_file():
            places.write(f"test://bucket/model/1/{path.relative_to(export / '1').as_posix()}", path.read_bytes())
    there = ["--model", "test://bucket/model", "--images", "test://bucket/photos/**", "--out", "test://bucket/out",
             "--tags", "test://bucket/tags.csv", "--workers", "1"]
    here = [word.replace("test://bucket", str(tmp_path / "bucket")) for word in there]
    here[5] = str(tmp_path / "here")
    assert main(there) == 0 and main(here) == 0
    masks = [masks_of(folder) for folder in (tmp_path / "bucket" / "out", tmp_path / "here")]
    assert masks[0].keys() == masks[1].keys() == {"a", "b/c"}
    assert all((masks[0][name] == masks[1][name]).all() for name in masks[0])
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(result["images"], result["tagged"]) for result in results] == [(2, 1), (2, 1)]
    assert main(there) == 0 and json.loads(capsys.readouterr().out)["kept"] == 2

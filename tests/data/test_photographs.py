"""What a command names by one word: a photograph, a folder, a pattern, a list; and each mistake with its cure."""

import io
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from tfwsss.data.photographs import photographs_of
from tfwsss.errors import UserError


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Five photographs, a text, and masks of an earlier call in `photos/found`."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), (9, 90, 200)).save(buffer, "PNG")
    for name in ("a.jpg", "b 1.PNG", "deep/a.jpg", "deep/c.png", "deep/c.jpg", "found/masks/a.png", ".hidden/d.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(buffer.getvalue())
    (tmp_path / "photos" / "notes.md").write_text("none")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def named(source, without="photos/found"):
    return photographs_of(source, Path(without))


@pytest.mark.parametrize(("source", "base", "names"), [
    ("photos", "photos", {"a", "b 1", "deep/a", "deep/c.png", "deep/c.jpg"}),
    ("photos/a.jpg", "photos/a.jpg", {"a"}),
    ("photos/*", "photos", {"a", "b 1"}),
    ("photos/**", "photos", {"a", "b 1", "deep/a", "deep/c.png", "deep/c.jpg"}),
    ("photos/**.jpg", "photos", {"a", "deep/a", "deep/c"}),
    ("photos/*/c.p*", "photos", {"deep/c"}),
    ("photos/deep/?.png", "photos/deep", {"c"}),
    ("**/deep/a.*", ".", {"photos/deep/a"})])
def test_what_is_named(photos, source, base, names):
    found = named(source)
    assert str(found.base) == base and set(found.found.images) == names and not found.found.faults
    assert all(path.is_file() for path in found.found.images.values())


def test_a_list(photos):
    """Paths as seen from it, with ending or without, of Windows too; a photograph that it names twice comes once."""
    (photos / "try.TXT").write_text("\ufeffdeep/a.jpg\r\n\r\nb 1\r\n./deep\\c.png\r\ndeep/a\r\n", "utf-8")
    base, found = named("photos/try.TXT")
    assert base == photos.relative_to(photos.parent) and set(found.images) == {"deep/a", "b 1", "deep/c"}
    assert found.images["deep/c"].name == "c.png" and not found.faults


def test_a_list_of_photographs_elsewhere(photos, tmp_path):
    """Names then count from the deepest folder that holds all."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "x.txt").write_text(f"../photos/deep/a\n{photos}/b 1.PNG\n")
    base, found = named(tmp_path / "lists" / "x.txt")
    assert base == photos and {name: path.resolve() for name, path in found.images.items()} == {
        "deep/a": photos / "deep" / "a.jpg", "b 1": photos / "b 1.PNG"}
    (tmp_path / "lists" / "x.txt").write_text("../photos/a.jpg\n")
    assert named("lists/x.txt").base == photos


def test_decomposed_names_of_a_list_match(photos):
    (photos / "a.jpg").rename(photos / unicodedata.normalize("NFD", "café.jpg"))
    (photos / "x.txt").write_text("café.jpg\n", "utf-8")
    assert set(named("photos/x.txt").found.images) == {"café"}


def test_lines_that_name_nothing_are_faults(photos):
    lines = ["a", "gone.jpg", "deep", "deep/c", "notes.md", "x" * 300, "../../.."]
    (photos / "x.txt").write_text("\n".join(lines))
    found = named("photos/x.txt").found
    assert set(found.images) == {"a"} and set(found.faults) == {f"x.txt, {line}" for line in range(2, 8)}
    assert found.faults["x.txt, 2"] == ("photos/x.txt: 'gone.jpg' is no file, as seen from photos; mend the line or "
                                        "strike it")
    assert "fits c.jpg and c.png; write it with its ending" in found.faults["x.txt, 4"]
    assert found.faults["x.txt, 5"] == "photos/notes.md: is no photograph; strike it from photos/x.txt"


@pytest.mark.parametrize(("source", "words"), [
    ("", "no photographs are named, the text is empty; name a photograph, a folder, a pattern or a list"),
    ("photos/*.tif", "photos/[*].tif: no photograph matches; expected files .* a pattern such as 'photos/[*][*].jpg'"),
    ("photos/none/*", "no photograph matches"), ("photos/*.md", "no photograph matches"),
    ("photos/gone.jpg", "photos/gone.jpg: no such image, folder or list; check the path"),
    ("gs://bucket/*.jpg", "lies in an object store; python -m tfwsss.label reads those"),
    ("photos/empty.txt", "photos/empty.txt: names no photograph; write one path a line, as seen from photos"),
    ("photos/wrong.txt", "photos/wrong.txt: names no photograph; photos/wrong.txt: 'gone' is no file"),
    ("photos/.hidden/*.png", "no photograph matches")])
def test_nothing_is_named(photos, source, words):
    (photos / "empty.txt").write_text("\n \n")
    (photos / "wrong.txt").write_text("gone\nlost\n")
    with pytest.raises(UserError, match=words):
        named(source)

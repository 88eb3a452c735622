"""Archives of annotation tools: what is unpacked, and what is refused."""

import stat
import zipfile

import pytest

from tfwsss.data import archives
from tfwsss.data.archives import is_archive, unpacked
from tfwsss.errors import UserError


def pack(path, compression=zipfile.ZIP_DEFLATED, **entries):
    """Writes an archive; `entries` are texts by names in which __ stands for / and _dot_ for a dot."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in entries.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return path


def pack_entry(path, name, text="x", kind=0, compression=zipfile.ZIP_STORED):
    entry = zipfile.ZipInfo(name)
    entry.external_attr, entry.compress_type = kind << 16, compression
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, text)
    return path


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_labels_are_unpacked_and_photographs_are_not(tmp_path):
    path = pack(tmp_path / "mine.zip", labels__a_dot_txt="1", annotations_dot_xml="2", images__a_dot_png="3",
                a_dot_jpg="4", JPEGImages__b_dot_png="5", program_dot_py="6", SegmentationClass__farm__c_dot_png="7")
    place = unpacked(path, tmp_path / "cache")
    assert files(place) == {"labels/a.txt": "1", "annotations.xml": "2", "SegmentationClass/farm/c.png": "7"}
    assert place.parent == tmp_path / "cache" / "unpacked" and place.name.startswith("mine-")
    assert [each.name for each in place.parent.iterdir()] == [place.name]           # nothing aside is left


def test_an_archive_is_unpacked_once_and_a_changed_one_elsewhere(tmp_path):
    path = pack(tmp_path / "mine.zip", a_dot_txt="1")
    place = unpacked(path, tmp_path)
    before = (place / "a.txt").stat().st_ino
    assert unpacked(path, tmp_path) == place and (place / "a.txt").stat().st_ino == before
    pack(path, a_dot_txt="2")
    assert files(unpacked(path, tmp_path)) == {"a.txt": "2"} and files(place) == {"a.txt": "1"}


@pytest.mark.parametrize(("name", "below"), [("export/labels/a.txt", "labels/a.txt"), ("labels/a.txt", "labels/a.txt"),
                                             ("x/y/a.txt", "a.txt"), ("__MACOSX/b.txt", None), ("a\\b.txt", "b.txt")])
def test_a_folder_that_only_wraps_is_left_out(tmp_path, name, below):
    assert [*files(unpacked(pack_entry(tmp_path / "x.zip", name), tmp_path))] == ([below] if below else [])


@pytest.mark.parametrize(("name", "words"), [
    ("../a.txt", "leads out of its folder"), ("/etc/a.txt", "leads out of its folder"),
    ("a/../../b.png", "leads out of its folder"), ("..\\a.txt", "leads out of its folder"),
    ("C:/a.txt", "leads out of its folder"), ("a\n.txt", "another sign that steers"),
    ("x" * 300 + ".txt", "250 bytes")])
def test_files_that_would_lie_outside(tmp_path, name, words):
    with pytest.raises(UserError, match=f"x.zip: the file .* in it is not unpacked: .*{words}.*; export it again"):
        unpacked(pack_entry(tmp_path / "x.zip", name), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["x.zip"]


def test_links_and_what_is_no_file(tmp_path):
    for kind in (stat.S_IFLNK | 0o777, stat.S_IFIFO):
        with pytest.raises(UserError, match="'a.png' in it is a link, or no file"):
            unpacked(pack_entry(tmp_path / "x.zip", "a.png", "/etc/passwd", kind), tmp_path)
    plain = pack_entry(tmp_path / "y.zip", "a.png", kind=stat.S_IFREG | 0o644)
    assert files(unpacked(plain, tmp_path)) == {"a.png": "x"}


def test_a_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.txt", "1")
        archive.writestr("a.txt", "2")
    with pytest.raises(UserError, match="'a.txt' in it is there twice"):
        unpacked(tmp_path / "x.zip", tmp_path)


def test_what_cannot_be_unpacked(tmp_path):
    path = pack_entry(tmp_path / "x.zip", "a.txt", "x" * 999, compression=zipfile.ZIP_BZIP2)
    with pytest.raises(UserError, match="is compressed in a way that is not read"):
        unpacked(path, tmp_path)
    locked = pack(tmp_path / "x.zip", zipfile.ZIP_STORED, a_dot_txt="x").read_bytes()
    place = locked.index(b"PK\x01\x02") + 8                            # flags in the list of entries
    path.write_bytes(locked[:place] + bytes([locked[place] | 1]) + locked[place + 1:])
    with pytest.raises(UserError, match="is encrypted"):
        unpacked(path, tmp_path)


def test_bombs_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    path = pack(tmp_path / "x.zip", a_dot_txt="0" * 10**6, b_dot_txt="0")
    size = path.stat().st_size
    monkeypatch.setattr(archives, "_FREE", 0)
    with pytest.raises(UserError, match=rf"x.zip: 2 files of 1,000,001 bytes would come of it; at most 200,000 of "
                                        rf"{100 * size:,} bytes"):
        unpacked(path, tmp_path)
    monkeypatch.setattr(archives, "_FREE", 10**6)
    monkeypatch.setattr(archives, "MAX_BYTES", 10**6)
    with pytest.raises(UserError, match="of 1,000,000 bytes are unpacked; unpack it yourself"):
        unpacked(path, tmp_path)
    monkeypatch.setattr(archives, "MAX_BYTES", 10**6 + 1)
    monkeypatch.setattr(archives, "MAX_ENTRIES", 1)
    with pytest.raises(UserError, match="2 files of"):
        unpacked(path, tmp_path)
    assert [each.name for each in tmp_path.rglob("*")] == ["x.zip"]
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    assert set(files(unpacked(path, tmp_path))) == {"a.txt", "b.txt"}


def test_no_more_is_written_than_an_entry_claims(tmp_path):
    """Its size is a byte too small in both places: one byte less is unpacked, and the sum does not fit."""
    path = pack(tmp_path / "x.zip", a_dot_txt="0" * 1000)
    path.write_bytes(path.read_bytes().replace((1000).to_bytes(4, "little"), (9).to_bytes(4, "little")))
    with pytest.raises(UserError, match=r"x.zip: cannot be read \(.*CRC.*\); export it again"):
        unpacked(path, tmp_path)
    assert not [*(tmp_path / "unpacked").iterdir()]


def test_damaged_archives(tmp_path, monkeypatch):
    path = pack(tmp_path / "x.zip", a_dot_txt="text " * 99)
    whole = path.read_bytes()
    for damaged in (whole[:-30], whole[:20], whole[:40] + b"?" * 9 + whole[49:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="x.zip: cannot be read .*; export it again"):
            unpacked(path, tmp_path)
    path.write_bytes(whole)
    monkeypatch.setattr(archives, "_MAX_DIRECTORY", 40)
    with pytest.raises(UserError, match="its list of entries is too long"):
        unpacked(path, tmp_path)


def test_archives_are_known_by_their_contents(tmp_path):
    pack(tmp_path / "export.data", a_dot_txt="x")
    pack(tmp_path / "empty.zip")
    (tmp_path / "x.zip").write_bytes(b"{}")
    assert is_archive(tmp_path / "export.data") and is_archive(tmp_path / "empty.zip")
    assert not is_archive(tmp_path / "x.zip") and not is_archive(tmp_path)
    with pytest.raises(UserError, match="none: cannot be read"):
        is_archive(tmp_path / "none")

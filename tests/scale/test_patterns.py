"""Files by patterns on a disk; those of a store are in test_stores."""

from tfwsss.data.patterns import parse
from tfwsss.scale import patterns


def test_a_disk_is_searched(tmp_path):
    for name in ("b/a.jpg", "a.jpg", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(patterns.match(parse(f"{tmp_path}/**.jpg"))) == ["a.jpg", "b/a.jpg"]


def test_a_folder_of_a_disk_is_not_copied(tmp_path):
    assert patterns.folder_on_disk(f"{tmp_path}/", tmp_path / "copy") == tmp_path and not list(tmp_path.iterdir())

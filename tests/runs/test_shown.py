import pytest

from tests.support.fake_run import image_set
from tfwsss.runs.shown import PARTS, PICTURES, part_folders, shown_names, spread


@pytest.mark.parametrize("count", [1, 3, 12, 100])
def test_spread_keeps_order_and_reaches_both_ends(count):
    names = [f"{place:03d}" for place in range(40)]
    picked = spread(names, count)
    assert len(picked) == min(count, 40) and picked == sorted(picked) and picked[0] == "000"
    assert count == 1 or picked[-1] == "039"
    assert spread([], count) == []


def test_images_with_a_true_mask_are_shown(tmp_path):
    """The last image of these has none; where none has one, all are shown."""
    images = image_set(tmp_path, 40)
    assert len(shown_names(images, images.names)) == PICTURES and "image 39" not in shown_names(images, images.names)
    assert shown_names(images, ["image 39"]) == ["image 39"]
    assert shown_names(images, ["image 39", "image 3"]) == ["image 3"]


def test_parts_of_a_stage(tmp_path):
    assert part_folders(tmp_path / "maps") == {}
    for part in ("by reference 2", "by reference 1"):
        (tmp_path / "maps" / PARTS / part).mkdir(parents=True)
    (tmp_path / "maps" / PARTS / "note.txt").touch()
    found = part_folders(tmp_path / "maps")
    assert list(found) == ["by reference 1", "by reference 2"] and found["by reference 1"].parent.name == PARTS

"""What a run looks at before it starts: every image once, and the masks that are given."""

import pytest

from tests.support.tiny_run import draw_tiny_folder, write_config
from tfwsss.errors import UserError
from tfwsss.methods import get
from tfwsss.methods.run import read_settings
from tfwsss.methods.surveyed import given_masks, look


@pytest.fixture
def settings(tmp_path):
    """Settings of a folder in which one photograph is broken."""
    data = draw_tiny_folder(tmp_path / "data")
    (data / "images" / "2026_000003.jpg").write_bytes(b"torn")
    return read_settings("affinitynet", write_config(tmp_path / "c.yaml", data, "affinitynet"), ())


def test_images_and_given_masks(settings, tmp_path):
    splits, corrections, faults = look(settings, tmp_path / "run")
    assert list(faults) == ["2026_000003"] and len(splits.training.names) == len(splits.pseudo.names) == 11
    assert splits.val is None and corrections is None
    stages = get("affinitynet").stages(settings, splits)
    assert given_masks(stages, {}, splits, tmp_path / "run") == {}
    masks = tmp_path / "data" / "masks"
    assert given_masks(stages, {"labels": masks}, splits, tmp_path / "run") == {"labels": masks}
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="holds no mask of any of 11 images"):
        given_masks(stages, {"labels": tmp_path / "none"}, splits, tmp_path / "run")

import json

import numpy as np

from tests.support.fake_run import write_stage
from tfwsss.artefacts.masks import write_mask
from tfwsss.palette import voc_palette
from tfwsss.reports.doubtful import review_of, worst_first


def test_the_lowest_come_first_and_equal_ones_by_name():
    records = [{"name": "b", "agreement": 0.5}, {"name": "a", "agreement": 0.5}, {"name": "c", "agreement": 0.1},
               {"name": "d", "agreement": None}, {"name": "e"}]
    assert [record["name"] for record in worst_first(records)] == ["c", "a", "b"]


def test_the_review_of_a_stage_or_else_of_the_network_that_learnt_from_it(tmp_path):
    assert review_of(tmp_path, "pseudo", "pseudo") == []
    for stage, split in (("pseudo", "pseudo"), ("relabel", "pseudo"), ("masks", "val")):
        write_stage(tmp_path, stage, 1, split=split)
    for stage, name in (("pseudo", "a"), ("relabel", "a"), ("masks", "a")):
        write_mask(tmp_path / stage, name, np.zeros((2, 2), np.uint8), voc_palette())
    record = {"name": "a", "agreement": 0.5, "confidence": 0.25, "coverage": 1.0}
    lines = [json.dumps(record), json.dumps({**record, "name": "not there"})]
    (tmp_path / "relabel" / "review.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert review_of(tmp_path, "relabel", "pseudo") == review_of(tmp_path, "pseudo", "pseudo") == [record]
    assert review_of(tmp_path, "masks", "val") == []
    write_mask(tmp_path / "given" / "corrections" / "masks", "a", np.zeros((2, 2), np.uint8), voc_palette())
    assert review_of(tmp_path, "relabel", "pseudo") == []                      # a person has corrected it

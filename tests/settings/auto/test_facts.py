import pytest

from tfwsss.settings.auto.facts import Asked, Facts


@pytest.mark.parametrize(("side", "largest", "machine", "seen", "reduced"), [
    (320, 320, {}, 320, False), (120, 128, {}, 128, False), (300, 2000, {}, 300, False),      # one odd large one
    (500, 500, {}, 384, True), (500, 500, {"gpus": 1}, 500, False), (4000, 4000, {"cores": 16}, 512, True)])
def test_photographs_are_seen_at_their_size_or_at_what_the_machine_can_do(side, largest, machine, seen, reduced):
    facts = Facts(100, side, largest, 3, **machine)
    assert (facts.seen, facts.reduced) == (seen, reduced)


def test_one_class_is_a_case_of_its_own():
    found = [(facts.inspection, facts.alone) for facts in
             (Facts(9, 64, 64, 1, 4), Facts(9, 64, 64, 1), Facts(9, 64, 64, 2))]
    assert found == [(True, False), (False, True), (False, False)]


def test_what_is_known_of_sections():
    asked = Asked("icd", {}, {"icd": {"backbone": {"name": "small"}}, "cam": None}, Facts(9, 64, 64, 2))
    assert asked.small and asked.backbone("icd") == {"name": "small"} and asked.section("cam") == {}
    assert not asked._replace(known={}).small and asked.backbone("segmenter") == {}

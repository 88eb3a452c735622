"""Words that people write almost right."""

from tfwsss.data.words import nearest


def test_nearest():
    assert nearest("xyz", ["cow", "horse"]) == "there are cow, horse"
    assert nearest("x", map(str, range(10))).endswith("7, ...")
    assert nearest("x", []) == "there are none"

import pytest

from tfwsss.errors import UserError
from tfwsss.runs import journal


def test_records_come_back_by_name(tmp_path):
    path = tmp_path / "review.jsonl"
    assert journal.read(path) == {}
    for record in ({"name": "b", "x": 1}, {"name": "жук\n", "x": 2}, {"name": "b", "x": 3}):
        journal.append(path, record)
    assert journal.read(path) == {"b": {"name": "b", "x": 3}, "жук\n": {"name": "жук\n", "x": 2}}
    assert list(journal.read(path)) == ["b", "жук\n"]


@pytest.mark.parametrize("cut", [1, 5, 14])
def test_a_line_that_was_cut_short_is_lost_alone(tmp_path, cut):
    path = tmp_path / "review.jsonl"
    for place in range(3):
        journal.append(path, {"name": str(place), "x": place})
    path.write_bytes(path.read_bytes()[:-cut])
    journal.append(path, {"name": "after", "x": 9})
    found = journal.read(path)
    assert set(found) == ({"0", "1", "after"} if cut > 1 else {"0", "1", "2", "after"})


@pytest.mark.parametrize("line", [b"[1, 2]\n", b"7\n", b'{"x": 1}\n', b"\xff\xfe\n", b"null\n"])
def test_lines_that_are_no_records(tmp_path, line):
    path = tmp_path / "review.jsonl"
    path.write_bytes(line)
    journal.append(path, {"name": "a"})
    assert journal.read(path) == {"a": {"name": "a"}}


def test_a_journal_is_written_whole(tmp_path):
    """One line an image again; what is appended later follows."""
    path = tmp_path / "review.jsonl"
    for number in (1, 2, 3):
        journal.append(path, {"name": "ж", "x": number})
    journal.write(path, [{"name": "ж", "x": 3}, {"name": "b"}])
    assert path.read_text("utf-8") == '{"name": "ж", "x": 3}\n{"name": "b"}\n'
    journal.append(path, {"name": "c"})
    assert list(journal.read(path)) == ["ж", "b", "c"] and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_journal_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="review.jsonl: could not be written"):
        journal.append(tmp_path / "nowhere" / "review.jsonl", {"name": "a"})

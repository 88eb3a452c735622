"""A table as a file of tags."""

from tests.data.tag_files.drawn import put
from tfwsss.data.tag_files.tables import read_tag_table


def test_a_table_is_whole(tmp_path):
    found = read_tag_table(put(tmp_path, "name,classes\na,cat\nb,dog cat\n", "x.csv"), None)
    assert [(row.line, row.name, set(row.tags)) for row in found.rows] == [(2, "a", {"cat"}), (3, "b", {"cat", "dog"})]
    assert found.whole and not found.drawings and not found.classes

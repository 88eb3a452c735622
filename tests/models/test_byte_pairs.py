import gzip
import json

import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.errors import UserError
from tfwsss.models.byte_pairs import MERGES, BytePairs, cleaned, pieces, read_merges


@pytest.fixture(scope="module")
def data():
    return recorded.arrays("tokenizer")


def tokenizer(data) -> BytePairs:
    pairs = zip(map(str, data["merge_left"]), map(str, data["merge_right"]), strict=True)
    return BytePairs(dict(zip(pairs, map(int, data["merge_rank"]), strict=True)))


def test_recorded_texts_but_for_repairs(data):
    """All 89; where ftfy would have repaired something, the numbers without it."""
    found = tokenizer(data).tokens([str(text) for text in data["texts"]], cut=True)
    for text, ours, theirs in zip(data["texts"], found, data["ids_without_ftfy"], strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=repr(text))
    plain = ~data["needs_ftfy"].astype(bool)
    assert plain.sum() > 60
    np.testing.assert_array_equal(found[plain], data["ids"][plain])


def test_words_in_their_sentence(data):
    texts = recorded.arrays("text_tower")
    np.testing.assert_array_equal(tokenizer(data).tokens([str(text) for text in texts["word_texts"]]),
                                  texts["word_ids"])


def test_lengths(data):
    own = tokenizer(data)
    for text, length in zip(data["texts"], data["length"], strict=True):
        if not data["needs_ftfy"][list(data["texts"]).index(text)]:
            assert len(own.encode(str(text))) + 2 == length
    assert own.size == 49408


def test_too_long_a_text_is_refused_unless_cut():
    own = BytePairs({}, 0)
    assert own.tokens(["a " * 75]).shape == (1, 77)
    with pytest.raises(UserError, match=r"has 76 tokens; CLIP reads 75 at most: say it in fewer words"):
        own.tokens(["a " * 76])
    cut = own.tokens(["a " * 99], cut=True)[0]
    assert cut[0] == own.size - 2 and cut[-1] == own.size - 1 and len(set(cut[1:-1])) == 1


@pytest.mark.parametrize(("text", "expected"), [
    ("  Tom &amp;amp; Jerry\n\t’s ", "tom & jerry ’s"), ("", ""), (" \u2003 ", ""), ("ÄÖ", "äö")])
def test_cleaning(text, expected):
    assert cleaned(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("won't", ["won", "'t"]), ("a1b22", ["a", "1", "b", "2", "2"]), ("猫猫 дом", ["猫猫", "дом"]),
    ("<|endoftext|>x", ["<|endoftext|>", "x"]), ("½²", ["½", "²"]), ("…--😀", ["…--😀"]), ("", [])])
def test_pieces(text, expected):
    assert list(pieces(text)) == expected


@pytest.mark.parametrize("text", ["😀", "\x00", "\ud800", "ﬀ", "a" * 5000])
def test_every_text_has_numbers(text):
    """Bytes stand for themselves: no word is unknown."""
    numbers = BytePairs({}, 0).encode(text)
    assert len(numbers) == len(cleaned(text).encode("utf-8", "surrogatepass")) and max(numbers) < 512


def test_the_lowest_rank_goes_first():
    ranks = {("b", "c</w>"): 0, ("a", "b"): 1, ("a", "bc</w>"): 2}
    assert BytePairs(ranks, 3).encode("abc") == [514]
    assert BytePairs({("a", "b"): 0, ("b", "c</w>"): 1}, 2).encode("abc")[0] == 512


@pytest.mark.parametrize("form", ["merges.txt", "all.txt.gz", "tokenizer.json", "pairs.json"])
def test_files_that_people_have(tmp_path, form):
    lines = recorded.listed_merges(MERGES + (300 if form == "all.txt.gz" else 0))
    text = "\n".join(["#version: 0.2", *lines, ""])
    path = tmp_path / form
    if form.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif form.endswith(".json"):
        merges = lines if form == "tokenizer.json" else [line.split() for line in lines]
        path.write_text(json.dumps({"model": {"merges": merges}}), "utf-8")
    else:
        path.write_text(text, "utf-8")
    found = read_merges(path)
    assert found.size == 49408 and found._ranks[("一", "x1")] == 1 and len(found._ranks) == MERGES


@pytest.mark.parametrize(("data", "words"), [
    (b"#version\na b", "1 pairs"), (b"\x1f\x8b\x08broken", "no list"), (b"\xff\xfe", "UnicodeDecodeError"),
    (b"{}", "KeyError"), (b"{", "JSONDecodeError"), (b"", "0 pairs"),
    (gzip.compress(b"x" * 9, mtime=0)[:-4], "cut off"),
    (b"#version\na b c\n", "ValueError")])
def test_files_that_are_none(tmp_path, data, words):
    (tmp_path / "merges.txt").write_bytes(data)
    with pytest.raises(UserError, match=rf"merges.txt: is no list of CLIP's merges.*|.*{words}") as caught:
        read_merges(tmp_path / "merges.txt")
    assert words in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="merges cannot be read .No such file.*name merges.txt"):
        read_merges(tmp_path / "no.txt")

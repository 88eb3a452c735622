"""YAML whose reading would not end, or end in a stack trace: one line each."""

import json

import pytest

from tfwsss.errors import UserError
from tfwsss.settings.bounded_yaml import MAX_TEXT, load_yaml

BOMB = "\n".join([f"a{place}: &a{place} [" + ", ".join([f"*a{place - 1}" if place else '"x"'] * 9) + "]"
                  for place in range(10)])
MERGES = "m0: &m0 {k: 1}\n" + "\n".join(f"m{n}: &m{n} {{<<: [" + ", ".join([f"*m{n - 1}"] * 9) + "]}"
                                        for n in range(1, 9))


@pytest.mark.parametrize(("text", "words"), [
    (BOMB, "more than 50 levels or 20,000 values, aliases written out"), (MERGES, "aliases written out"),
    ("a: " + "[" * 3000 + "]" * 3000, "more than 50 levels"),
    ("a: " + "{b: " * 3000 + "}" * 3000, "more than 50 levels"),
    ("- " * 3000, "more than 50 levels"), ("a: &a [*a]", r"\*a stands for nothing, or for what it stands in"),
    ("a: *b", "not valid YAML|stands for nothing"), ("a: 1\n" * (MAX_TEXT // 4), "has 250,000 letters"),
    ("[" + "1, " * 30_000 + "]", "20,000 values"),
    ("a: !!timestamp 2026-99-99", "cannot be read .month must be in 1..12"),
    ("a: " + "9" * 5000, "cannot be read .*4300"), ("a: !!int x", "cannot be read"), ("a: !!float x", "cannot be read"),
    ("icd: {a: 1}\nseed: 1\nicd: {b: 2}", "cannot be read .line 3 has the key 'icd' a second time.; mend it"),
    ("a:\n  b: 1\n  'b': 2", "line 3 has the key 'b' a second time"),
    ("a: [", "not valid YAML"), ("a: !!python/name:os.system", "not valid YAML"), ("? [a]\n: 1", "not valid YAML"),
    ("a: \x01", "not valid YAML"), ("a: \ud800", "not valid YAML|cannot be read")])
def test_one_line_for_each(text, words):
    with pytest.raises(UserError, match=words) as caught:
        load_yaml(text, "f.yaml", "mend it")
    assert str(caught.value).startswith("f.yaml") and len(str(caught.value)) < 500 and "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [
    ("", None), ("a: [1, 2.5, yes, no, null, x]", {"a": [1, 2.5, True, False, None, "x"]}),
    ("a: &b {c: 1}\nd: *b\ne: {<<: *b, f: 2}", {"a": {"c": 1}, "d": {"c": 1}, "e": {"c": 1, "f": 2}}),
    ("w: {x: &b {<<: &a {k: 1}, j: 2}}\ny: {<<: *b, j: 3}", {"w": {"x": {"k": 1, "j": 2}}, "y": {"k": 1, "j": 3}}),
    ("a: {b: 1}\nc: {b: 1, '1': 1, 1: 2}", {"a": {"b": 1}, "c": {"b": 1, "1": 1, 1: 2}}),
    ("a: 2026-01-31", {"a": "2026-01-31"}), ("[" * 40 + "]" * 40, json.loads("[" * 40 + "]" * 40))])
def test_what_configurations_hold(text, expected):
    """Aliases as well; dates stay texts, as folders are named by them."""
    assert load_yaml(text, "f.yaml", "mend it") == expected

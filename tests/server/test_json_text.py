"""Bodies of JSON: what is parsed, and what is refused before it would hold up everybody."""

import gc
import math
import threading

import pytest

from tests.support.patience import PATIENCE, until
from tfwsss.server import json_text
from tfwsss.server.json_text import MAX_VALUES, with_parsed
from tfwsss.server.refusal import Code, Refusal


def loaded(body: bytes):
    return with_parsed(body, lambda found: found)


@pytest.mark.parametrize(("body", "value"), [
    (b'{"a": [1, -2.5, true, null, "\\u00e9\xc3\xa9"]}', {"a": [1, -2.5, True, None, "éé"]}), (b" 7 ", 7),
    (b"\xef\xbb\xbf[]", []), (b"[Infinity, -Infinity]", [math.inf, -math.inf]), (b'["NaN"]', ["NaN"]),
    (b"[1e3, 18446744073709551615]", [1000.0, 2**64 - 1])])
def test_json(body, value):
    assert loaded(body) == value
    assert math.isnan(loaded(b"[NaN]")[0])


@pytest.mark.parametrize("body", [b"", b"{", b"[1,]", b"{'a': 1}", b"\xff", b'"\xff"', b"[" * 100_000, b"[1e999]",
                                  b"NaN,", b"[NaN" * 5000, b'"\\ud800"', b"9" * 5000, b"-", b"Infinity" * 9])
def test_no_json(body):
    with pytest.raises(Refusal, match="^the body is no JSON: ") as caught:
        loaded(body)
    assert caught.value.code == Code.INVALID_ARGUMENT and len(caught.value.message) < 300


@pytest.mark.parametrize("one", [b"[],", b"1,", b"{},", b'"",', b"NaN,", b'"a":[],'])
def test_bodies_of_very_many_values_are_refused_unparsed(monkeypatch, one):
    """31 MB of empty lists are ten million of them; the way out is told."""
    body = b'{"inputs": [' + one * (MAX_VALUES + 9) + b"1]}"
    monkeypatch.setattr(json_text, "_loads", lambda body: pytest.fail("it was parsed"))
    with pytest.raises(Refusal, match="values, more than 2,000,000; send the bytes .*image_bytes, or ask by gRPC"):
        loaded(body)


def test_a_long_text_is_one_value():
    text = "A" * 20_000_000
    assert loaded(f'{{"b64": "{text}"}}'.encode()) == {"b64": text}


def test_large_bodies_are_parsed_one_at_a_time_and_without_the_collector():
    """Small ones go on meanwhile; afterwards all is as before, also where the body is no JSON."""
    large, inside, go, done = b"[" + b"1," * 20_000 + b"1]", [], threading.Event(), []

    def look(found: list) -> None:
        inside.append((len(found), gc.isenabled()))
        go.wait(PATIENCE)

    threads = [threading.Thread(target=with_parsed, args=(large, look)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: inside)
    small = threading.Thread(target=lambda: done.append(loaded(b"[1]")))
    small.start()
    small.join(PATIENCE)
    assert done == [[1]] and len(inside) == 1
    go.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert inside == [(20_001, False)] * 3 and gc.isenabled()
    with pytest.raises(Refusal):
        loaded(large[:-1])
    assert gc.isenabled()

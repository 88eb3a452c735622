import io
import os
import pickle
import sys
from argparse import Namespace
from collections import Counter, OrderedDict
from datetime import datetime
from decimal import Decimal
from pathlib import PurePosixPath

import numpy as np
import pytest

from tfwsss.weights.formats.inert import Inert, is_inert
from tfwsss.weights.formats.pickled import MAX_STEPS, Interpreter, PickleFault, is_key

PLAIN = {"text": "ä€", "numbers": [0, -1, 2**40, 10**30, 1.5, True, None], "nested": {"tuple": (1, (2, (3, 4, 5), []))},
         "bytes": b"raw", 7: "seven"}


def run(data: bytes, **functions):
    return Interpreter({"collections.OrderedDict": dict, **functions}, {"codecs.name"}).run(io.BytesIO(data))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_equals_pythons_own(protocol):
    value = {key: item for key, item in PLAIN.items() if key != "bytes" or protocol > 2}  # 2 has no bytes of its own
    assert run(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_oldest_protocols_are_read(protocol):
    value = {"a": [1, 2.5, "b", (1, 2)], "c": True}
    assert run(pickle.dumps(value, protocol)) == value


def test_shared_objects_stay_shared():
    inner = [1]
    first, second = run(pickle.dumps([inner, inner], 2))
    assert first is second


def test_an_ordered_dictionary_and_its_attributes():
    value = OrderedDict(a=1)
    value._metadata = {"version": 1}
    assert run(pickle.dumps(value, 2)) == {"a": 1}


def test_two_pickles_in_a_row():
    stream = io.BytesIO(pickle.dumps(1, 2) + pickle.dumps("two", 2))
    reader = Interpreter({}, set())
    assert (reader.run(stream), reader.run(stream), stream.read()) == (1, "two", b"")


@pytest.mark.parametrize("value", [1j, {1, 2}, frozenset(), range(3), print, Exception("x"), type, bytearray(b"x")])
@pytest.mark.parametrize("protocol", [2, 5])
def test_everything_else_is_refused(value, protocol):
    with pytest.raises(PickleFault, match="code, not data|more than plain data"):
        run(pickle.dumps(value, protocol))


@pytest.mark.parametrize("data", [
    b"", b".", b"(.", b"}}.", b"}0.", b"0.", b"h\x00.", b"]q\x00(K\x01K\x02b.", b"}K\x01b.", b"K\x01)R.", b"}(K\x01u.",
    b"}]K\x01s.", b"t.", b"(lp0\nI1\ns.", b"K\x01K\x02a.", b"Vabc", b"\x8a\xffabc", b"Q.", b"\x82\x01.",
    b"ccollections\nOrderedDict\nK\x01R.", b"ccollections\nOrderedDict\n(K\x01tR.", b"ccodecs\nname\n)R.",
    b"I" + b"9" * 5000 + b"\n."])
def test_broken_pickles_are_refused(data):
    with pytest.raises(PickleFault):
        run(data)


def test_long_programs_are_refused():
    with pytest.raises(PickleFault, match="steps"):
        run(b"]" + b"K\x010" * (MAX_STEPS // 2 + 1) + b".")


def test_keys():
    assert is_key("a") and is_key(-3) and not is_key("a" * 1001) and not is_key(2**64) and not is_key(None)


def passing(data: bytes):
    return Interpreter({}, set(), inert=is_inert).run(io.BytesIO(data))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects_that_are_data_are_passed_over(protocol):
    """They stand where they stood, with their names; nothing is made of them."""
    value = {"a": Counter("aab"), "b": {1, 2}, "c": Namespace(lr=0.1, net=Namespace()), "d": frozenset((3,)),
             "f": np.float64(0.5), "g": np.arange(3), "h": Decimal("1.5"), "i": PurePosixPath("a/b"),
             "j": bytearray(b"x"),
             "k": datetime(2026, 11, 28), "l": {"m": 1}, "n": np.dtype("f4"), "o": b"raw", "p": [Counter()]}
    found = passing(pickle.dumps(value, protocol))
    assert found.keys() == value.keys() and found["l"] == {"m": 1}
    inert = {key for key, item in found.items() if isinstance(item, Inert)}
    assert inert >= set("acdfghikn") and isinstance(found["p"][0], Inert)
    assert found["c"].text == "argparse.Namespace" and found["a"].text == "collections.Counter"


def test_arrays_inside_objects_stay_within_reach():
    """What a program of others sets by key, as a dictionary of its own."""
    body = b"\x80\x02cmy.module\nConfig\n)\x81}X\x01\x00\x00\x00aK\x01sbX\x01\x00\x00\x00wK\x07s."
    found = passing(body)
    assert found.text == "my.module.Config" and found.items == {"w": 7}


@pytest.mark.parametrize("value", [print, os.system, type, Exception("x"), sys.exit, pickle.loads])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_never_passed_over(value, protocol):
    for each in (value, [value], {"a": value}):
        with pytest.raises(PickleFault, match="code, not data"):
            passing(pickle.dumps(each, protocol))


def test_nothing_of_a_class_that_was_refused_is_made():
    for body in (b"K\x01)\x81.", b"cos\nsystem\n)\x81.", b"(K\x01K\x02\x90."):
        with pytest.raises(PickleFault):
            passing(body)

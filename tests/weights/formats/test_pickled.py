import io
import pickle
from collections import OrderedDict

import pytest

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

import io
import zipfile
from pathlib import Path

import pytest

from tfwsss.errors import UserError
from tfwsss.weights.formats.source import Source
from tfwsss.weights.formats.zipped import stored_records


def archive(compression=zipfile.ZIP_STORED, **entries) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, data in entries.items():
            made.writestr(name, data)
    return stream.getvalue()


def records(data: bytes):
    return stored_records(Source(Path("x.zip"), memoryview(data)))


def test_entries_are_read_in_place():
    found = records(archive(a=b"one", b=b"two" * 1000))
    assert {name: bytes(read()) for name, read in found.items()} == {"a": b"one", "b": b"two" * 1000}
    assert found["b"]() is found["b"]()  # the checksum is computed once


def test_a_wrong_checksum_is_refused_and_none_is_accepted():
    data = archive(a=b"one")
    with pytest.raises(UserError, match="x.zip: a: differs from its checksum"):
        records(data.replace(b"one", b"two"))["a"]()
    checksum = zipfile.ZipFile(io.BytesIO(data)).getinfo("a").CRC.to_bytes(4, "little")
    assert bytes(records(data.replace(b"one", b"two").replace(checksum, bytes(4)))["a"]()) == b"two"


def test_compressed_entries_are_refused():
    with pytest.raises(UserError, match="x.zip: a: is compressed"):
        records(archive(zipfile.ZIP_DEFLATED, a=b"one" * 1000))["a"]()


def test_doubled_entries_are_refused():
    with pytest.raises(UserError, match="names an entry twice"):
        records(archive(ab=b"1", ac=b"2").replace(b"ac", b"ab"))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"x" * 100])
def test_broken_archives_are_refused(data):
    if data.startswith(b"PK\x05"):
        assert records(data) == {}
    else:
        with pytest.raises(UserError, match="list of entries is broken"):
            records(data)

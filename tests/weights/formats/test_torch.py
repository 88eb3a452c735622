import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from tests.weights.make_torch_files import RECORDED
from tfwsss.errors import UserError
from tfwsss.weights.formats.torch import LEGACY_MAGIC, read_pth


class Storage:
    """Stands for a storage when a test writes a pickle of PyTorch's by hand."""

    def __init__(self, kind, key, count, view=()):
        self.description = ("storage", Global("torch", f"{kind}Storage"), key, "cpu", count, *view)


class Global:
    """Stands for a global of a package that is not here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """Stands for the result of a call that the unpickler makes."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Writer(pickle._Pickler):
    """Writes the three stand-ins above as the opcodes that PyTorch's pickler writes."""

    def persistent_id(self, value):
        return value.description if isinstance(value, Storage) else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Global):
            self.write(b"c" + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Call):
            self.save(value.function)
            self.save(value.arguments)
            self.write(b"R")
        else:
            super().save(value, save_persistent_id)


def pickled(value, protocol: int = 2) -> bytes:
    stream = io.BytesIO()
    Writer(stream, protocol).dump(value)
    return stream.getvalue()


def tensor(storage, first=0, shape=(2,), strides=(1,), function="_rebuild_tensor_v2", more=(False, {})):
    return Call(Global("torch._utils", function), storage, first, shape, strides, *more)


def write_zip(path: Path, body: bytes, records=None, compression=zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", body)
        for name, data in (records or {}).items():
            archive.writestr(f"archive/{name}", data)
    return path


def write_legacy(path: Path, value, storages: dict[str, np.ndarray], little=True) -> Path:
    system = {"protocol_version": 1001, "little_endian": little, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [LEGACY_MAGIC, pickled(1001), pickled(system), pickled(value), pickled(list(storages))]
    for array in storages.values():
        parts += [struct.pack("<q" if little else ">q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth"])
def test_files_that_torch_wrote(name):
    arrays = read_pth(RECORDED / name)
    with np.load(RECORDED / "torch_expected.npz") as expected:
        assert list(arrays) == expected.files
        for key, array in arrays.items():
            assert array.dtype == expected[key].dtype and array.shape == expected[key].shape, key
            assert np.array_equal(array, expected[key]), key


def test_arrays_cannot_be_written_to():
    array = read_pth(RECORDED / "torch_zip.pth")["state_dict.first"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_older_spellings_are_read(tmp_path):
    numbers = np.arange(4, dtype="<f4")
    value = OrderedDict(a=tensor(Storage("Float", "s", 4), 1, (2,), (2,), "_rebuild_tensor", ()),
                        b=Call(Global("torch._utils", "_rebuild_parameter"), tensor(Storage("Float", "s", 4)), True),
                        c=tensor(Storage("Float", "s", 4, (("view", 2, 2),))))
    arrays = read_pth(write_legacy(tmp_path / "old.pth", value, {"s": numbers}))
    assert {key: array.tolist() for key, array in arrays.items()} == {"a": [1, 3], "b": [0, 1], "c": [2, 3]}


def test_untyped_storages_are_read(tmp_path):
    untyped = Storage("Float", "0", 8)
    untyped.description = ("storage", Global("torch.storage", "UntypedStorage"), "0", "cpu", 8)
    value = {"w": tensor(untyped, 1, (3,), (1,), "_rebuild_tensor_v3", (False, {}, Global("torch", "uint16"), None))}
    path = write_zip(tmp_path / "new.pth", pickled(value), {"data/0": np.arange(4, dtype="<u2").tobytes()})
    assert read_pth(path)["w"].tolist() == [1, 2, 3] and read_pth(path)["w"].dtype == np.uint16


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_the_other_byte_order_is_read(tmp_path, container):
    numbers, value = np.array([1.5, -2.0], ">f4"), {"w": tensor(Storage("Float", "0", 2))}
    if container == "zip":
        path = write_zip(tmp_path / "x.pth", pickled(value), {"data/0": numbers.tobytes(), "byteorder": b"big"})
    else:
        path = write_legacy(tmp_path / "x.pth", value, {"0": numbers}, little=False)
    assert read_pth(path)["w"].tolist() == [1.5, -2.0]


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_code_is_refused_and_not_run(tmp_path, monkeypatch, container, protocol):
    monkeypatch.chdir(tmp_path)
    body = pickle.dumps({"conv1.weight": Harmful()}, protocol)
    path = write_zip(tmp_path / "bad.pth", body)
    if container == "legacy":
        path.write_bytes(LEGACY_MAGIC + pickled(1001) + body)
    with pytest.raises(UserError, match=r"bad.pth: .*(conv1.weight|system).*asks to call \w+.system.*code"):
        read_pth(path)
    assert not (tmp_path / "harmed").exists()


def test_a_whole_module_is_refused():
    with pytest.raises(UserError, match=r"data.pkl.*torch.nn.modules.linear.Linear.*state_dict"):
        read_pth(RECORDED / "torch_module.pth")


def test_a_program_is_refused(tmp_path):
    with pytest.raises(UserError, match="constants.pkl: the file is a TorchScript program, as OpenAI releases CLIP; "
                       "give model.safetensors of openai/clip-vit-base-patch16"):
        read_pth(write_zip(tmp_path / "x.pth", pickled({}), {"constants.pkl": b""}))


@pytest.mark.parametrize(("made", "message"), [
    (tensor(Storage("Float", "0", 2), shape=(10**6, 10**6), strides=(10**6, 1)), "w: claims 1000000x1000000 f4"),
    (tensor(Storage("Float", "0", 2), shape=(10**12,), strides=(0,)), "w: claims 1000000000000 f4"),
    (tensor(Storage("Float", "0", 10**12)), "w: claims 2 f4 from element 0, where its storage has 8 bytes"),
    (tensor(Storage("Float", "0", 2), first=1), "w: claims 2 f4 from element 1"),
    (tensor(Storage("Float", "0", 2), strides=(-1,)), "data.pkl near 'cpu': .*negative"),
    (tensor(Storage("Float", "0", 2), shape=(10**5000,)), "beyond any file"),
    (tensor(Storage("Float", "7", 2)), "w: its numbers, archive/data/7, are missing"),
    (tensor(Storage("ComplexFloat", "0", 2)), "torch.ComplexFloatStorage"),
    (tensor("no storage"), "a tensor without a storage"),
    (Call(Global("collections", "OrderedDict"), [((1, 2), 3)]), "key is neither text nor a number"),
    (Call(Global("torch", "load"), "x"), "torch.load"),
])
def test_false_claims_are_refused(tmp_path, made, message):
    path = write_zip(tmp_path / "x.pth", pickled({"w": made}), {"data/0": bytes(8)})
    with pytest.raises(UserError, match=message):
        read_pth(path)


def test_containers_that_blow_up_are_refused(tmp_path):
    many = [tensor(Storage("Float", "0", 2))]
    for _ in range(14):
        many = [many] * 4  # 4^14 paths in a pickle of a kilobyte
    ring = []
    ring.append(ring)
    for value in (many, ring):
        with pytest.raises(UserError, match="levels of containers"):
            read_pth(write_zip(tmp_path / "x.pth", pickled(value), {"data/0": bytes(8)}))


def test_damaged_numbers_are_refused(tmp_path):
    data = bytearray((RECORDED / "torch_zip.pth").read_bytes())
    with zipfile.ZipFile(RECORDED / "torch_zip.pth") as archive:
        entry = next(item for item in archive.infolist() if item.filename.endswith("/data/0"))
    data[data.index(b"data/0", entry.header_offset) + 100] ^= 1
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(UserError, match="data/0: differs from its checksum"):
        read_pth(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_legacy.pth"])
def test_truncated_files_are_refused(tmp_path, name):
    data = (RECORDED / name).read_bytes()
    for length in range(1, len(data), 97):
        (tmp_path / "x.pth").write_bytes(data[:length])
        with pytest.raises(UserError, match="x.pth"):
            read_pth(tmp_path / "x.pth")


def test_compressed_archives_are_refused(tmp_path):
    path = write_zip(tmp_path / "x.pth", pickled({"w": tensor(Storage("Float", "0", 2))}) + bytes(10**6),
                     {"data/0": bytes(8)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="archive/data.pkl: is compressed"):
        read_pth(path)


@pytest.mark.parametrize("count", [60, 20_000])
def test_very_many_views_of_one_storage_are_refused(tmp_path, count):
    """Each would be looked at, copied and compared by itself: 20 GB out of a file of 3 MB."""
    numbers = np.arange(2**18, dtype="<f4")
    value = {f"w{k}": tensor(Storage("Float", "0", 2**18), shape=(2**18,)) for k in range(count)}
    path = write_zip(tmp_path / "x.pth", pickled(value), {"data/0": numbers.tobytes()})
    if count < 100:                                          # as checkpoints that hold a tensor under several names
        assert all(np.array_equal(array, numbers) for array in read_pth(path).values())
    else:
        with pytest.raises(UserError, match="views of the same numbers, 20,971,520,000 bytes in all, over 16 times"):
            read_pth(path)


def test_memory_of_many_views_of_one_bfloat16_storage_is_that_of_one_copy(tmp_path):
    value = {f"w{k}": tensor(Storage("BFloat16", "0", 2**23), shape=(2**23,)) for k in range(10)}
    path = write_zip(tmp_path / "x.pth", pickled(value), {"data/0": bytes(2**24)})
    tracemalloc.start()
    try:
        arrays = read_pth(path)
        assert len(arrays) == 10 and tracemalloc.get_traced_memory()[1] < 7 * 2**24       # ten copies are 20 times it
    finally:
        tracemalloc.stop()

"""Damages each recorded weights file in many ways; reading must end in arrays or in a UserError, within a memory cap.

`python -m tests.weights.fuzz INPUTS SEED` prints what became of them and exits with 1 at the first other ending.
"""

import collections
import io
import os
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

import numpy as np

from tests.weights.make_torch_files import RECORDED

CAP = 768 * 2**20  # bytes of address space beyond what Python and NumPy take themselves
SLOWEST = 100  # seconds of the processor for one input; whole files take a hundredth of a second
NUMBERS = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 10**12, 2**62, 2**63, 2**64 - 1)
TOKENS = (b"cos\nsystem\n", b"\x8c\x02os\x8c\x06system\x93", b"R", b"b", b"(", b"t", b"u", b"2", b"q\x00", b"h\x00",
          b".", b"\x8a\xff", b"B\xff\xff\xff\xff", b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", b"PK\x03\x04", b"PK\x05")
FILES = ("mxnet_legacy.params", "mxnet_v1.params", "mxnet_v2.params", "caffe_v1.caffemodel", "caffe_v2.caffemodel",
         "keras_tiny.h5", "torch_zip.pth", "torch_legacy.pth", "torch_zip.pth/data.pkl")


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """Returns a copy with one to three wounds: bits, numbers, tokens, cuts, doubled and moved parts."""
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        kind, place = random.integers(8), int(random.integers(len(data) + 1))
        length = int(random.integers(1, 64))
        if kind == 0 and place < len(data):
            data[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            width = int(random.choice([1, 2, 4, 8]))
            number = NUMBERS[random.integers(len(NUMBERS))] % 256**width
            data[place:place + width] = number.to_bytes(width, "little" if random.integers(4) else "big")
        elif kind == 2:
            data[place:place + length] = TOKENS[random.integers(len(TOKENS))]
        elif kind == 3:
            data[place:place] = random.bytes(length)
        elif kind == 4:
            del data[place:place + length]
        elif kind == 5 and random.integers(4) == 0:
            del data[place:]
        elif kind == 6:
            data[place:place] = data[place:place + length] * int(random.integers(1, 4))
        elif kind == 7:
            start = int(random.integers(len(data) + 1))
            data[place:place + length] = data[start:start + length]
    return bytes(data)


def with_pickle(change) -> bytes:
    """Returns the recorded archive with its pickle changed and every checksum right."""
    stream = io.BytesIO()
    with zipfile.ZipFile(RECORDED / "torch_zip.pth") as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name.endswith("data.pkl") else old.read(name))
    return stream.getvalue()


def sample(name: str, random: np.random.Generator) -> bytes:
    """Returns one damaged file."""
    if name.endswith("/data.pkl"):
        return with_pickle(lambda data: mutated(data, random))
    return mutated((RECORDED / name).read_bytes(), random)


def fuzz(inputs: int, seed: int, read, fault: type[Exception]) -> collections.Counter:
    """Reads damaged files and counts the endings; any other ending is raised with the file kept."""
    random, endings = np.random.default_rng(seed), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(inputs):
            name = FILES[number % len(FILES)]
            path = Path(folder, name.partition("/")[0])
            path.write_bytes(sample(name, random))
            start = time.process_time()
            try:
                arrays = read(path)
            except fault as error:
                assert str(path) in str(error) and "\n" not in str(error)
                endings[f"{name} refused"] += 1
            else:
                assert sum(array.nbytes for array in arrays.values()) < 100 * path.stat().st_size
                assert all(np.array(array).shape == array.shape for array in arrays.values())
                endings[f"{name} read"] += 1
            seconds = time.process_time() - start
            assert seconds < SLOWEST, f"input {number} ({name}) took {seconds:.0f} s"
    return endings


def main(inputs: int, seed: int) -> int:
    """Runs under the cap and prints the endings."""
    from tfwsss.errors import UserError
    from tfwsss.weights.readers import read_weights

    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + CAP, used + CAP))
    try:
        endings = fuzz(inputs, seed, read_weights, UserError)
    except BaseException:
        traceback.print_exc()
        return 1
    for ending, count in sorted(endings.items()):
        print(f"{count:6} {ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

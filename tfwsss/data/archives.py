"""Zip archives of annotation tools: what they hold of labels is unpacked, within bounds; photographs are not."""

import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from tfwsss.artefacts.files import unfit_name, writing
from tfwsss.artefacts.identity import identity
from tfwsss.errors import UserError, named

FOLDER = "unpacked"
"""Where archives are unpacked, by their names and contents."""

MAX_ENTRIES, MAX_BYTES = 200_000, 8 * 2**30
"""Files that are unpacked of an archive, and bytes of them together."""

MAX_RATIO = 100
"""Bytes that may come of one of the archive, beyond the first 256 MiB."""

_FREE = 2**28                       # bytes that may come of the smallest archive
_MAX_DIRECTORY = 2**26              # bytes of the list of entries
_LABELS = (".json", ".jsonl", ".ndjson", ".xml", ".csv", ".tsv", ".tab", ".txt", ".names", ".yaml", ".yml", ".png")
_NO_LABELS = ("images", "JPEGImages", "__MACOSX")
_WRAPPED = ("labels", "masks", "scribbles", "annotations", "SegmentationClass")     # folders that mean something
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_AGAIN = "export it again"


class _Bounded(io.FileIO):
    """A file that refuses to be read at once where its list of entries claims to be endless."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _MAX_DIRECTORY:
            raise ValueError("its list of entries is too long")
        return super().read(size)


def is_archive(path: Path) -> bool:
    """Says whether a file is a zip archive, by its first bytes.

    Args:
        path: file or folder.

    Returns:
        bool; False for a folder.

    Raises:
        UserError: it cannot be read.
    """
    if path.is_dir():
        return False
    with named(f"{path}:", "restore it or name another file"), path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpacked(path: Path, cache: Path) -> Path:
    """Unpacks the labels of an archive, once: JSON, XML, tables, texts and PNGs, without folders of photographs.

    Args:
        path: of the archive.
        cache: folder that keeps what was unpacked.

    Returns:
        The folder of its files; of an archive that only wraps one folder, that one.

    Raises:
        UserError: it is broken, encrypted or too large, or a file would lie outside, is a link, or is there twice.
    """
    target = cache / FOLDER / f"{path.stem[:50]}-{identity(path)['sha256'][:16]}"
    if not target.is_dir():
        with named(f"{path}:", _AGAIN), _Bounded(path) as file, zipfile.ZipFile(file) as archive:
            entries = _checked(path, archive)
            with writing(target):
                _write(archive, entries, target)
    while [each.is_dir() and each.name not in _WRAPPED for each in target.iterdir()] == [True]:
        target = next(target.iterdir())
    return target


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Returns the entries that hold labels, by their places below the folder, once all of them are fit."""
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        place = entry.filename.replace("\\", "/")
        if PurePosixPath(place).suffix.lower() not in _LABELS or set(place.split("/")[:-1]) & {*_NO_LABELS}:
            continue
        if fault := _unfit(place, entry) or ("is there twice" if place in found else None):
            raise UserError(f"{path}: the file {place[:100]!r} in it {fault}; {_AGAIN}")
        found[place] = entry
    size, most = sum(entry.file_size for entry in found.values()), _FREE + MAX_RATIO * path.stat().st_size
    if len(found) > MAX_ENTRIES or size > min(MAX_BYTES, most):
        raise UserError(f"{path}: {len(found):,} files of {size:,} bytes would come of it; at most {MAX_ENTRIES:,} of "
                        f"{min(MAX_BYTES, most):,} bytes are unpacked; unpack it yourself and name the folder")
    return found


def _unfit(place: str, entry: zipfile.ZipInfo) -> str | None:
    if (told := unfit_name(place)) or PureWindowsPath(place).drive:
        return f"is not unpacked: {(told or 'its name leads out of its folder').partition(';')[0]}"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link, or no file"
    if entry.flag_bits & 1:
        return "is encrypted"
    return None if entry.compress_type in _KINDS else "is compressed in a way that is not read"


def _write(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], target: Path) -> None:
    """Writes the files aside, then renames their folder; another process may have done so meanwhile."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=target.parent, ignore_cleanup_errors=True) as aside:
        part = Path(aside) / "files"
        part.mkdir()
        for place, entry in entries.items():
            (part / place).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, (part / place).open("wb") as file:
                shutil.copyfileobj(source, file)        # no more than the bytes that the entry claims, then its sum
        if not target.is_dir():
            os.replace(part, target)

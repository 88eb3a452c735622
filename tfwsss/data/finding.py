"""Finds the photographs of a folder; every file of it is one, has a fault, or is listed as something else."""

import collections
import logging
import os
import stat
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tfwsss.artefacts.files import readable_name, unfit_name
from tfwsss.data import heic

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi"), "PNG": (".png", ".apng"), "BMP": (".bmp",),
    "DIB": (".dib",), "WEBP": (".webp",), "TIFF": (".tif", ".tiff"), "GIF": (".gif",), "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"), "TGA": (".tga", ".vda", ".icb", ".vst"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), "MPO": (".mpo",), "QOI": (".qoi",), "PCX": (".pcx",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"), "ICO": (".ico",)}
"""Endings, in any case, of Pillow's formats that are read, `reading.FORMATS`; HEIC has its own, see `heic`."""

NOT_SEARCHED = ("masks", "SegmentationClass", "ImageSets", "splits", "saliency", "SegmentationObject")
"""Folders of a data set that hold no photographs."""

READ = (*(ending for endings in ENDINGS.values() for ending in endings), *heic.ENDINGS)
"""All of them."""

_OURS = ("made_by.json", "survey.json", "stage.json", "started.json")      # a folder that we have written into
_OF_RUNS = ("lock", "log.txt")
_OF_PREDICT = ("masks", "overlays", "probabilities")
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_OTHER_PICTURES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".srw", ".pef", ".svg", ".psd",
                   ".eps", ".ai", ".xcf", ".jxl", ".exr", ".hdr", ".icns")
_TEXTS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".log", ".py")
_SHOWN = 20
_LOG = logging.getLogger("tfwsss")


class Found(NamedTuple):
    """What a folder holds.

    Args:
        images: name to file, sorted by name.
        faults: file below the folder to why it cannot be used, of photographs that cannot.
        others: files that are no photographs, and folders that were not searched, each with its reason.
    """

    images: dict[str, Path]
    faults: dict[str, str]
    others: list[str]

    def tell(self, folder: Path, known: Collection[str] = ()) -> None:
        """Lists in the log what was passed over: the first few on the terminal too.

        Args:
            folder: the one that was searched.
            known: files that are read otherwise.
        """
        others = [each for each in self.others if each not in known]
        if others:
            rest = collections.Counter(PurePosixPath(each).suffix or "no ending" for each in others[_SHOWN:])
            more = ", ".join(f"{count} more ({ending})" for ending, count in sorted(rest.items()))
            _LOG.warning("%s: %d files or folders are no photographs and left out: %s%s", folder, len(others),
                         ", ".join(others[:_SHOWN]), more and f", {more}")
        for each in others[_SHOWN:]:
            _LOG.debug("%s: left out: %s", folder, each)


def find_images(folder: Path, without: Collection[Path] = ()) -> Found:
    """Finds the photographs of a folder at any depth and names them.

    Links to folders are followed, each folder is searched once. Hidden files,
    folders that hold other things by their name, and what `predict` or a run has
    written below the folder are listed among `others`. A file of an unknown
    ending counts as a photograph where its first bytes are those of one.

    Args:
        folder: may be missing.
        without: folders inside that are not searched.

    Returns:
        Images, faults and others; a name is the path below the folder without the
        ending, unless that would name two files; then with it.
    """
    return _sorted(_walk(folder, {path.resolve() for path in without}))


def find_these(files: Mapping[str, Path]) -> Found:
    """Sorts files that somebody has named as `find_images` sorts those of a folder, and names them likewise.

    Args:
        files: place below a folder to path.

    Returns:
        As `find_images`.
    """
    return _sorted((place, path, _unreadable(path)) for place, path in files.items())


def fault_of(written: str, faults: Mapping[str, str]) -> str | None:
    """Finds the fault of a file that a table or list names.

    Args:
        written: name with or without ending.
        faults: as `find_images` gives them.

    Returns:
        Key in `faults`, or None.
    """
    shown = readable_name(written)
    if shown in faults:
        return shown
    wanted = {shown, shown.replace("\\", "/")}           # tables of Windows have backslashes for slashes
    return next((file for file in faults for form in (file, file.replace("\\", "/"))
                 if form in wanted or stem_of(form) in wanted), None)


def _sorted(files: Iterable[tuple[str, Path | None, str | None]]) -> Found:
    images, faults, others = {}, {}, []
    for place, path, fault in files:
        shown = readable_name(place)
        name = unicodedata.normalize("NFC", place)
        if fault is None and path is not None and (what := _what(path)) != "photograph":
            if what is None:
                others.append(shown)
                continue
            fault = what
        if path is None:
            others.append(f"{shown} ({fault})")
        elif fault := fault or unfit_name(place) or _twice(name, images):
            faults[shown] = f"{readable_name(str(path))}: {fault}"
        else:
            images[name] = path
    named = _named(images)
    for name in [name for name in named if any(str(parent)[:-4] in named for parent in PurePosixPath(name).parents
                                               if parent.suffix in (".png", ".npz"))]:
        faults[name] = f"{named.pop(name)}: its folder is named like the mask of another image; rename one of them"
    return Found(named, faults, sorted(others))


def _walk(folder: Path, skipped: set[Path]) -> Iterator[tuple[str, Path | None, str | None]]:
    """Yields each file's place below the folder, its path and a fault; of what is not searched the reason, no path."""
    seen, waiting = {folder.resolve()}, [(folder, "")]
    ours = _is_ours(folder)
    while waiting:
        here, before = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name) if here.is_dir() else []
        except OSError as error:
            yield before.rstrip("/"), here, f"the folder cannot be opened ({error.strerror}); give yourself the right"
            continue
        for entry in entries:
            place, path = before + entry.name, here / entry.name
            if entry.name.startswith("."):
                yield place, None, "hidden"
            elif not _is_folder(entry):
                yield place, path, _unreadable(path)
            elif not before and (entry.name in NOT_SEARCHED or (ours and entry.name in _OF_PREDICT)):
                yield f"{place}/", None, "by its name no photographs"
            elif (real := path.resolve()) in skipped:
                yield f"{place}/", None, "holds other things"
            elif _is_ours(path):
                yield f"{place}/", None, "written by us"
            elif real in seen:
                yield f"{place}/", None, "searched already"
            else:
                seen.add(real)
                waiting.append((path, f"{place}/"))


def _is_ours(folder: Path) -> bool:
    """Says whether a folder is a run's, one of its stages', or a call's of `predict`, be it a killed one."""
    return any((folder / name).is_file() for name in _OURS) or all((folder / name).is_file() for name in _OF_RUNS)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:                             # a ring of links
        return False


def _unreadable(path: Path) -> str | None:
    """Says why a file cannot be opened: none is opened here that would never end."""
    try:
        kind = path.stat().st_mode
    except OSError as error:
        return f"cannot be found ({error.strerror}); mend the link or restore the file"
    return None if stat.S_ISREG(kind) else "is no file but a pipe or device; take it away"


def _what(path: Path) -> str | None:
    """Returns "photograph", why it is one that cannot be read, or None for a file of another kind."""
    ending = path.suffix.lower()
    if ending not in heic.ENDINGS and (ending in READ or ending in _TEXTS):
        return "photograph" if ending in READ else None
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        return f"cannot be opened ({error.strerror}); give yourself the right to read it"
    if ending in heic.ENDINGS or heic.is_heic(start):
        return "photograph" if heic.readable() else heic.CURE
    if ending in _OTHER_PICTURES:
        return f"is a picture of a kind that is not read ({ending}); save it as JPEG or PNG"
    pictured = start.startswith(_STARTS) or start[8:12] == b"WEBP" or start[4:12] in (b"ftypavif", b"ftypavis")
    return "photograph" if pictured else None


def _twice(name: str, images: Mapping[str, Path]) -> str | None:
    return f"is named like {images[name]} but for the way its letters are composed; rename one" if name in images \
        else None


def _named(files: Mapping[str, Path]) -> dict[str, Path]:
    stems = collections.Counter(stem_of(full) for full in files)
    return dict(sorted((full if stems[stem_of(full)] > 1 or stem_of(full) in files else stem_of(full), path)
                       for full, path in files.items()))


def stem_of(full: str) -> str:
    """Returns a path below a folder without the ending of its file.

    Args:
        full: with "/" between its parts.
    """
    return str(PurePosixPath(full).with_suffix(""))

"""Looks at every file before a run: broken ones are listed, unusual ones converted once."""

import concurrent.futures
import dataclasses
import io
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfwsss.artefacts.files import path_of, read_json, write_atomically
from tfwsss.data import reading
from tfwsss.data.image_set import ImageSet
from tfwsss.data.images import decode_image
from tfwsss.data.mask_objects import check_objects
from tfwsss.data.weak_labels import FILES
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import IGNORE, own_colours

_VERSION = 1
_IDS = ("masks", *FILES)
_MAPS = (*_IDS, "saliency")
_MAX_THREADS = 8        # each may hold one decoded image
_LOG = logging.getLogger("tfwsss")


def survey(images: ImageSet, folder: Path, max_pixels: int = reading.MAX_PIXELS,
           progress: Callable[[int, int], None] | None = None) -> tuple[ImageSet, dict[str, str]]:
    """Opens and decodes every image, mask and map once.

    Images that cannot be used leave the set; a mask, saliency map or file of
    labels that cannot be used leaves its image without one. Images that TensorFlow would show
    otherwise than viewers do (turned by EXIF, transparent, 16 bits, CMYK, not
    JPEG or PNG, ...) are converted to 8-bit RGB PNG in `folder/images/`. What
    was found is kept in `folder/survey.json` by path, size and time of change,
    so that a second survey decodes changed files only.

    Args:
        images: data set.
        folder: folder of the run.
        max_pixels: larger images are refused from their header.
        progress: called as `progress(done, all)` after each image.

    Returns:
        The usable part of the data set, pointing to the converted copies, and a message for each name with a fault,
        those of `images.faults` included.

    Raises:
        UserError: no image is usable, the photographs lie in `folder` itself, or it cannot be written, or all masks of
            images that show a class hold 0 and 255 only.
    """
    _check_apart(images, Path(folder))
    memory = _Memory(Path(folder) / "survey.json")
    copies = {name: path_of(Path(folder) / "images", "images", name) for name in images.names}
    done, faults, usable, maps = 0, dict(images.faults), {}, {key: {} for key in _MAPS}
    ids: dict[str, dict[str, list[int]]] = {kind: {} for kind in _IDS}

    def look(name: str) -> tuple[dict, dict[str, dict]]:
        path, copy = images.images[name], copies[name]
        found = memory.recall(path, f"image {max_pixels}", copy,
                              lambda path: _look_at_image(path, copy, max_pixels, images.palette))
        return found, {} if found["fault"] else _look_at_maps(images, name, memory, max_pixels)

    with concurrent.futures.ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for name, (found, found_maps) in zip(images.names, pool.map(look, images.names), strict=True):
                if found["fault"]:
                    faults[name] = found["fault"]
                else:
                    usable[name] = copies[name] if found["converted"] else images.images[name]
                _take(name, found, found_maps, images, maps, faults)
                for kind in ids:
                    ids[kind] |= {name: found_maps[kind]["values"]} if name in maps[kind] else {}
                done += 1
                if progress:
                    progress(done, len(images.names))
        finally:
            pool.shutdown(cancel_futures=True)
            memory.keep()
    if not usable:
        raise UserError(f"{images.root}: none of {len(images.names)} images can be used. The first: "
                        f"{next(iter(faults.values()), 'the list is empty')}")
    for kind, values in ids.items():
        if warning := check_objects(f"{kind} of {images.root}", values, images.labels, learnt=kind == "full_masks"):
            _LOG.warning("%s", warning)
    return dataclasses.replace(images.subset(usable), images=usable, faults=faults, **maps), faults


def _check_apart(images: ImageSet, folder: Path) -> None:
    """Refuses a folder in which what we write would lie among the photographs, or in their place."""
    homes = {path.parent for path in images.images.values()}
    places = {home.resolve() for home in homes}
    if folder.resolve() in {images.root.resolve(), *places} or any(
            place.is_relative_to((folder / "images").resolve()) for place in places):
        raise UserError(f"{folder}: is where the photographs lie; name another folder by --run or --out, such as "
                        f"{folder / 'found'}")


class _Memory:
    """What earlier surveys found, by path, size and time of change of the file."""

    def __init__(self, file: Path):
        self.file = file
        self.found: dict[str, dict] = {}
        try:
            kept = read_json(file)
            self.found = dict(kept["files"]) if kept["version"] == _VERSION else {}
        except (UserError, ValueError, KeyError, TypeError):
            self.found = {}                     # missing or damaged: everything is looked at again

    def recall(self, path: Path, question: str, copy: Path | None, look: Callable[[Path], dict]) -> dict:
        """Returns the record of a file; looks at it where it is new, changed, or its copy is gone."""
        stamp = _stamp(path, question)
        old = self.found.get(str(path))
        if stamp and isinstance(old, Mapping) and old.get("stamp") == stamp and \
                (not old.get("converted") or old.get("copy") == _stamp(copy)):
            return dict(old)
        try:
            record = {"stamp": stamp, "fault": None, "converted": False, **look(path)}
        except ImageFault as fault:
            record = {"stamp": stamp, "fault": str(fault), "converted": False, "size": None}
        if record["converted"]:
            record["copy"] = _stamp(copy)       # another file of the same name may take its place
        self.found[str(path)] = record
        return record

    def keep(self) -> None:
        text = json.dumps({"version": _VERSION, "files": self.found}, ensure_ascii=False)
        write_atomically(self.file, text.encode())


def _stamp(path: Path, *question: str) -> list | None:
    """Returns size and time of change, or None where there is no file."""
    try:
        facts = path.stat()
        return [facts.st_size, facts.st_mtime_ns, *question]
    except OSError:
        return None


def _look_at_image(path: Path, copy: Path, max_pixels: int, palette: np.ndarray) -> dict:
    with reading.opened(path, max_pixels) as image:
        plain = reading.is_plain(image)
        if image.mode == "P" and image.palette.palette == palette.tobytes():
            raise ImageFault(f"{path}: is a mask, an indexed PNG in the colours of class ids, and no photograph; take "
                             "it out of the folder")
    if plain:
        try:
            return {"size": decode_image(path.read_bytes()).shape[:2].as_list()}
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            pass                                # Pillow may still read it, or say what is wrong
    pixels = reading.read_rgb(path, max_pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    write_atomically(copy, buffer.getvalue())
    return {"size": list(pixels.shape[:2]), "converted": True}


def _look_at_maps(images: ImageSet, name: str, memory: _Memory, max_pixels: int) -> dict[str, dict]:
    """Returns the records of those of masks and saliency map that the image has."""
    def look_at_ids(path: Path) -> dict:
        ids = reading.read_class_ids(path, images.palette, images.num_classes, max_pixels)
        return {"size": list(ids.shape), "values": np.unique(ids).tolist()}

    def look_at_map(path: Path) -> dict:
        return {"size": list(reading.read_rgb(path, max_pixels).shape[:2])}

    values = f"values {images.num_classes} {max_pixels}{own_colours(images.palette)}"
    looks = {kind: (values, look_at_ids) for kind in _IDS} | {"saliency": (f"map {max_pixels}", look_at_map)}
    return {key: memory.recall(getattr(images, key)[name], question, None, look)
            for key, (question, look) in looks.items() if name in getattr(images, key)}


def _take(name: str, image: dict, found: Mapping[str, dict], images: ImageSet, maps: Mapping[str, dict],
          faults: dict[str, str]) -> None:
    """Sorts the maps found for one image into usable ones and faults."""
    for kind, record in found.items():
        path = getattr(images, kind)[name]
        tags = images.labels[name] if kind == "scribble_masks" else None
        fault = record["fault"] or _contradiction(path, record, image, tags, images.classes)
        if fault:
            faults[name] = f"{fault}. The image is used without it"
        else:
            maps[kind][name] = path


def _contradiction(path: Path, record: Mapping, image: Mapping, tags: Sequence[int] | None,
                   classes: Sequence[str]) -> str | None:
    """Says what makes a map another image's: its size, or a class that is none of the tags, where these bind it."""
    if list(record["size"]) != list(image["size"]):
        return reading.other_size(path, record["size"], image["size"])
    if tags is None:
        return None
    strange = set(record["values"]) - {0, IGNORE, *(label + 1 for label in tags)}
    return f"{path}: scribbles of {classes[min(strange)]!r}, which is none of the image's tags" if strange else None

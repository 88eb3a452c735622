"""One exported model at work: a photograph is read, its mask is made and written."""

import contextlib
import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfwsss import logs
from tfwsss.artefacts.files import readable_name, unfit_name
from tfwsss.errors import UserError, brief, named
from tfwsss.scale import patterns, places
from tfwsss.scale.job import Job, read_tags
from tfwsss.scale.names import Photograph, named_in
from tfwsss.scale.reasons import reason
from tfwsss.server.refusal import Refusal

_CURE = "export the run by python -m tfwsss.export"
_IN_THE_WAY = (FileExistsError, NotADirectoryError, IsADirectoryError)


class Labeller:
    """A model in memory: one a process, for all of its threads.

    Args:
        job: the work.

    Raises:
        UserError: the model does not load, or is none of `tfwsss.export`; or the table of tags cannot be read.
    """

    def __init__(self, job: Job):
        self._job = job
        self._tags = read_tags(job) if job.tags else {}
        with logs.quiet_loading():
            from tfwsss.server.servable import Servable  # loads TensorFlow: not for those who plan
        _settle(job.threads)
        with tempfile.TemporaryDirectory() as aside, logs.quiet_loading(), \
                named(f"--model {job.model}:", "export the run again"):
            self._model = Servable(patterns.folder_on_disk(job.model, Path(aside)))
        self._plain = self._signature("serving_default")
        self._tagged = self._signature("with_tags") if job.tags else None

    def _signature(self, name: str):
        try:
            found = self._model.signature(name)
        except Refusal as refusal:
            raise UserError(f"--model {self._job.model}: {refusal}; {_CURE}") from None
        if "image_bytes" not in found.inputs or "mask_bytes" not in found.outputs:
            raise UserError(f"--model {self._job.model}: its signature {name!r} does not make mask_bytes of "
                            f"image_bytes; {_CURE}")
        return found

    def knows(self, photograph: Photograph) -> bool:
        """Returns whether the table of tags names a photograph.

        Args:
            photograph: any.
        """
        return named_in(self._tags, photograph.place) is not None

    def label(self, photograph: Photograph) -> str | None:
        """Makes a mask.

        Args:
            photograph: whose mask is missing.

        Returns:
            Why it cannot be made, or None.

        Raises:
            UserError: masks cannot be written.
        """
        if fault := unfit_name(photograph.place):
            return fault
        try:
            contents = places.read(self._job.images.base + photograph.place)
        except Exception as error:              # a disk's or any store's own
            return f"cannot be read ({brief(error)}); check the file and your right to read it"
        try:
            mask = self._mask(contents, named_in(self._tags, photograph.place))
        except Refusal as refusal:
            return reason(refusal, contents)
        try:
            places.write(self._job.mask(photograph.name), mask)
        except UserError as error:
            if isinstance(error.__cause__, _IN_THE_WAY):
                return "its folder is named like the mask of another image; rename one of them"
            raise
        return None

    def _mask(self, contents: bytes, labels: tuple[int, ...] | None) -> bytes:
        inputs = {"image_bytes": np.array([contents], object)}
        if labels is None:
            return self._plain(inputs)["mask_bytes"].numpy()[0]
        tags = np.zeros((1, len(self._job.classes) - 1), np.float32)
        tags[0, list(labels)] = 1
        return self._tagged({**inputs, "tags": tags})["mask_bytes"].numpy()[0]


class Task(NamedTuple):
    """The same as a value that processes are given; each loads the model at its first photograph.

    Args:
        job: the work.
    """

    job: Job

    def __call__(self, photograph: Photograph) -> str | None:
        """Makes a mask.

        Args:
            photograph: whose mask is missing.

        Returns:
            Why it cannot be made, or None.
        """
        return _opened(self.job).label(photograph)


@functools.lru_cache(maxsize=1)
def _opened(job: Job) -> Labeller:
    return Labeller(job)


def shown(photograph: Photograph) -> str:
    """Returns a photograph's path as lists of faults show it.

    Args:
        photograph: any.
    """
    return readable_name(photograph.place)


def _settle(threads: int) -> None:
    """Gives TensorFlow its threads, and no more of a card's memory than it needs; too late where it has begun."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError, ValueError):
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        for card in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(card, True)

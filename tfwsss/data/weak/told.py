"""What is told of a file of weak labels: faults of single images, and notes counted once for all."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tfwsss.errors import UserError

_LOG = logging.getLogger("tfwsss")


class Told:
    """Gathers what is wrong with the labels of one setting.

    Args:
        setting: such as `data.boxes`.
        path: its file or folder.
        form: what is expected there.

    Attributes: `faults`, name to message; `counts` of each note; `others`, names that fit no image.
    """

    def __init__(self, setting: str, path: Path, form: str):
        self.setting, self.path, self.form = setting, path, form
        self.faults: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.others = 0
        self._first: dict[str, str] = {}

    def fault(self, name: str, message: str) -> None:
        """Notes that an image goes without its labels.

        Args:
            name: of the image.
            message: why.
        """
        self.faults[name] = message

    def note(self, name: str, counts: Mapping[str, int]) -> None:
        """Counts what does not keep the image from its labels.

        Args:
            name: of the image.
            counts: text -> how often it applies to this image.
        """
        self.counts.update(counts)
        for text in counts:
            self._first.setdefault(text, name)

    def close(self, labelled: int, images: int, needed: bool = True) -> None:
        """Writes a line for the whole and one for each note to the log.

        Args:
            labelled: images that have labels.
            images: all.
            needed: some image must have labels.

        Raises:
            UserError: no image has a label in spite of `needed`, or more have a fault than have labels.
        """
        if len(self.faults) > labelled:
            raise UserError(f"{self.setting}: the labels of {len(self.faults)} of {len(self.faults) + labelled} images "
                            f"cannot be used. The first: {next(iter(self.faults.values()))}")
        if needed and not labelled:
            raise UserError(f"{self.setting}: {self.path} has no label of any of {images} images; expected {self.form}")
        _LOG.info("%s: labels of %d of %d images in %s%s", self.setting, labelled, images, self.path,
                  f"; {self.others} others that it names are not among them" if self.others else "")
        for text, count in self.counts.items():
            _LOG.warning("%s: %d %s, the first of %r", self.setting, count, text, self._first[text])
        if self.faults:
            _LOG.warning("%s: %d images go without. The first: %s", self.setting, len(self.faults),
                         next(iter(self.faults.values())))

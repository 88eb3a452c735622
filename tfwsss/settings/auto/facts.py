"""What `--config auto` knows of images, machine and wishes."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

ALIKE = 1.25
"""Largest over median side of images that count as of one size."""

LARGE = 1200
"""Longer sides in pixels from which photographs are a case of their own."""

Choices = Iterator[tuple[str, Any, str]]
"""Key within a section, value, and why."""


class Facts(NamedTuple):
    """What choices rest on.

    Args:
        images: number of training images.
        side: median of their longer sides, in pixels. largest: the longest of them.
        classes: number of classes, without background.
        negatives: training images that show none of them.
        cores: of the processor. gpus: number of graphics cards.
        memory: bytes that new programs may take.
    """

    images: int
    side: int
    largest: int
    classes: int
    negatives: int = 0
    cores: int = 2
    gpus: int = 0
    memory: int = 8 * 2**30

    @property
    def seen(self) -> int:
        """Longer side in pixels at which networks see photographs: their own, up to what the machine can do."""
        return min(self.long, 512 if self.gpus or self.cores >= 8 else 384)

    @property
    def long(self) -> int:
        """Longer side in pixels that stands for all photographs."""
        return self.largest if self.largest <= ALIKE * self.side else self.side

    @property
    def reduced(self) -> bool:
        """Whether networks see photographs smaller than they are."""
        return self.long > self.seen

    @property
    def inspection(self) -> bool:
        """Whether this is about one class that some images show and some do not, such as defects."""
        return self.classes == 1 and self.negatives > 0

    @property
    def alone(self) -> bool:
        """Whether all images show the only class, so that nothing tells what is not."""
        return self.classes == 1 and not self.negatives


class Asked(NamedTuple):
    """What a rule goes by.

    Args:
        method: its name.
        given: what the user has set, nested.
        known: the same, laid over what lies below the choices.
        facts: of images and machine.
    """

    method: str
    given: Mapping[str, Any]
    known: Mapping[str, Any]
    facts: Facts

    def section(self, name: str) -> Mapping[str, Any]:
        """Returns what is known of a section.

        Args:
            name: of the section.
        """
        return self.known.get(name) or {}

    def backbone(self, name: str) -> Mapping[str, Any]:
        """Returns what is known of a section's backbone.

        Args:
            name: of the section.
        """
        return self.section(name).get("backbone") or {}

    @property
    def small(self) -> bool:
        """Whether the networks are the one for small drawings."""
        return "small" in {self.backbone(name).get("name") for name in ("icd", "classifier", "seam", "segmenter")}

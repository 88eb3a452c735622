"""Where a data set's weak labels lie."""

from pathlib import Path
from typing import NamedTuple

from tfwsss.data.weak_labels import FIELDS
from tfwsss.errors import UserError


class LabelFiles(NamedTuple):
    """Files and folders of weak labels; None: there are none.

    Args:
        boxes: see `forms.FORMS`. points, scribbles: the same.
        full_masks: folder of masks that supervise the images of their names.
        difficult: objects marked difficult count, their boxes and the tags that they give.
        needed: at least one image must have labels of each kind.
        untagged: images without tags are used too.
    """

    boxes: Path | None = None
    points: Path | None = None
    scribbles: Path | None = None
    full_masks: Path | None = None
    difficult: bool = False
    needed: bool = True
    untagged: bool = False

    @property
    def places(self) -> dict[str, Path]:
        """What is named, by setting."""
        found = {key: getattr(self, key) for key in (*FIELDS, "full_masks")}
        return {key: Path(path) for key, path in found.items() if path is not None}

    def below(self, root: Path) -> "LabelFiles":
        """Returns the same with paths that exist: below the data set's folder, or else as they are written.

        Args:
            root: folder of the data set.

        Raises:
            UserError: neither is there.
        """
        return self._replace(**{key: _found(key, path, root) for key, path in self.places.items()})


def _found(key: str, path: Path, root: Path) -> Path:
    found = next((candidate for candidate in (root / path, path) if candidate.exists()), None)
    if found is None:
        raise UserError(f"data.{key}: there is no {path} below {root}, nor is there as written; name a file or folder")
    if key == "full_masks" and not found.is_dir():
        raise UserError(f"data.{key}: {found} is no folder; name the folder with the masks")
    return found

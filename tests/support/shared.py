"""Files kept beside the project, not in it: tests that read them skip where they are missing."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("TFWSSS_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def shared_file(relative: str) -> Path:
    """Returns the path of a shared file or folder, or skips the calling test."""
    path = ROOT / relative
    if not path.exists():
        pytest.skip(f"needs {relative} in the folder named by TFWSSS_SHARED ({ROOT}), which is not there")
    return path

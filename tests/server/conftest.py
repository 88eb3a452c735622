import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> Path:
    """Folder with the versions 1, 2 and 3 of a tiny model, to be copied from."""
    from tests.support import local_server

    folder = tmp_path_factory.mktemp("saved")
    for version in (1, 2, 3):
        local_server.save(folder / str(version), factor=version)
    return folder


@pytest.fixture(scope="session")
def servable(saved):
    """The first version, loaded in this process."""
    from tfwsss.server.servable import Servable

    return Servable(saved / "1")


@pytest.fixture
def publish(saved):
    """A function that lets a version appear in a folder, whole or not at all, as the export does."""
    def do(version: int, model: Path) -> Path:
        model.mkdir(parents=True, exist_ok=True)
        shutil.copytree(saved / str(version), model / f".{version}")
        return (model / f".{version}").rename(model / str(version))

    return do

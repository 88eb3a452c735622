import pytest

from tests.support.tiny_export import write_export


@pytest.fixture(scope="session")
def export(tmp_path_factory):
    """Folder of a tiny model."""
    return write_export(tmp_path_factory.mktemp("models") / "tiny")

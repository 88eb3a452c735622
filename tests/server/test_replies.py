"""Messages that both interfaces send."""

import pytest
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from tests.server.test_model_configs import fill
from tfwsss.server import replies
from tfwsss.server.library import Library, Wanted
from tfwsss.server.model_configs import ModelConfig


@pytest.fixture
def library(servable, tmp_path):
    fill(tmp_path / "cat", "1", "2")

    def load(path):
        if path.name == "2":
            raise ValueError("broken")
        return servable

    made = Library(load)
    made.refresh([ModelConfig("cat", tmp_path / "cat", latest=0)])
    return made


def test_status(library):
    second, first = replies.status(library, Wanted("cat")).model_version_status
    assert (first.version, first.state, first.status.error_code) == (1, ModelVersionStatus.AVAILABLE, 0)
    assert (second.version, second.state) == (2, ModelVersionStatus.END)
    assert (second.status.error_code, second.status.error_message) == (2, "ValueError: broken")


def test_definitions(library):
    lease = library.lease(Wanted("cat"))
    reply = replies.definitions(lease)
    assert reply.signature_def["with_tags"].inputs["tags"].dtype == 1 and "log" in reply.signature_def

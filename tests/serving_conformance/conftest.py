r"""Where the suite asks.

    TFWSSS_SERVING_REST=host:8501 TFWSSS_SERVING_GRPC=host:8500 TFWSSS_SERVING_MODEL=icd \
        python -m pytest tests/serving_conformance

Without the variables: the local server, started here over a tiny model.
"""

import os

import pytest


@pytest.fixture(scope="session")
def target(tmp_path_factory):
    from tests.serving_conformance.target import Target
    from tests.support import local_server

    rest, grpc = os.environ.get("TFWSSS_SERVING_REST"), os.environ.get("TFWSSS_SERVING_GRPC")
    model = os.environ.get("TFWSSS_SERVING_MODEL", "tiny")
    if rest and grpc:
        yield Target(rest.removeprefix("http://"), grpc, model)
        return
    if rest or grpc:
        pytest.fail("TFWSSS_SERVING_REST and TFWSSS_SERVING_GRPC: set both or none")
    models = tmp_path_factory.mktemp("models")
    (models / model).mkdir()
    local_server.save(models / model / "1")
    with local_server.server(models) as server:
        yield Target(server.rest, server.grpc, model, server.memory)
        assert server.stop() == 0, "the server did not end well"

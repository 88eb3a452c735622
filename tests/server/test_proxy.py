"""export/nginx.conf in a real nginx before a real server: TLS, a password, both interfaces. Skipped without nginx."""

import base64
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from tests.serving_conformance.target import refused
from tests.support.local_server import photo, server
from tests.support.patience import PATIENCE, until
from tests.support.sources import ROOT

PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin"
NGINX, OPENSSL = shutil.which("nginx", path=PLACES), shutil.which("openssl")
pytestmark = pytest.mark.skipif(not (NGINX and OPENSSL), reason="needs nginx and openssl: apt-get install them")
USER = "ann:a secret"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def keys(folder: Path) -> None:
    """What README.md says to make."""
    folder.mkdir()
    subprocess.run([OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True, timeout=PATIENCE)
    name, _, password = USER.partition(":")
    coded = subprocess.run([OPENSSL, "passwd", "-apr1", password], check=True, capture_output=True, text=True).stdout
    (folder / "users").write_text(f"{name}:{coded}")


def running(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def proxy(saved, tmp_path_factory):
    """Ports of REST and gRPC behind the proxy, and the certificate."""
    base = tmp_path_factory.mktemp("proxy")
    (base / "models").mkdir()
    (base / "models" / "cat").symlink_to(saved)
    keys(base / "tls")
    with server(base / "models", "--cors", "https://ours.example") as started:
        rest, rpc = free_port(), free_port()
        text = (ROOT / "export" / "nginx.conf").read_text("utf-8")
        used = {"8443": rest, "8444": rpc, "8501": started.rest.split(":")[1], "8500": started.grpc.split(":")[1]}
        text, count = re.subn(r"\b(8443|8444|850[01])\b", lambda found: str(used[found[1]]), text)
        assert count == 5
        (base / "nginx.conf").write_text(text)
        own = "user root;" if os.geteuid() == 0 else ""          # else it gives up its rights, and the folder is ours
        command = [NGINX, "-p", base, "-c", base / "nginx.conf", "-g", f"daemon off; {own}"]
        process = subprocess.Popen(command, stderr=(base / "log").open("w"))
        try:
            until(lambda: running(rest) and running(rpc) or process.poll() is not None)
            assert process.poll() is None, (base / "log").read_text()
            yield rest, rpc, base / "tls" / "cert.pem"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def asked(proxy, method: str, path: str, body: dict | None = None, **headers) -> tuple[int, dict]:
    connection = http.client.HTTPSConnection("localhost", proxy[0], timeout=PATIENCE,
                                             context=ssl.create_default_context(cafile=proxy[2]))
    connection.request(method, path, json.dumps(body) if body else None,
                       {key.replace("_", "-"): value for key, value in headers.items()})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if "json" in response.getheader("Content-Type", "") else {}


PASSWORD = {"Authorization": f"Basic {base64.b64encode(USER.encode()).decode()}"}
WRONG = {"Authorization": f"Basic {base64.b64encode(b'ann:guessed').decode()}"}
BODY = {"inputs": {"image_bytes": [{"b64": base64.b64encode(photo()).decode()}]}}


def test_rest(proxy):
    """Only who knows the password; health and what browsers ask before are open."""
    status, answer = asked(proxy, "POST", "/v1/models/cat:predict", BODY, **PASSWORD)
    assert status == 200 and "mask_bytes" in answer["outputs"]
    for headers in ({}, WRONG):
        assert asked(proxy, "POST", "/v1/models/cat:predict", BODY, **headers)[0] == 401
        assert {asked(proxy, "GET", path, **headers)[0] for path in ("/v1/models/cat", "/models", "/")} == {401}
    assert asked(proxy, "GET", "/healthz") == (200, {"status": "ok"})
    asks = {"Origin": "https://ours.example", "Access_Control_Request_Method": "POST"}
    assert asked(proxy, "OPTIONS", "/v1/models/cat:predict", **asks)[0] == 204
    connection = http.client.HTTPConnection("localhost", proxy[0], timeout=PATIENCE)
    connection.request("GET", "/v1/models/cat", headers=PASSWORD)
    assert connection.getresponse().status == 400                              # plain HTTP at the port of HTTPS
    connection.close()


def test_large_photographs_pass(proxy):
    """Up to the server's own limit; what is larger is refused by either."""
    large = {"inputs": {"image_bytes": [{"b64": "A" * 20_000_000}]}}
    status, answer = asked(proxy, "POST", "/v1/models/cat:predict", large, **PASSWORD)
    assert status == 400 and "error" in answer


def test_grpc(proxy):
    credentials = grpc.ssl_channel_credentials(proxy[2].read_bytes())
    with grpc.secure_channel(f"localhost:{proxy[1]}", credentials) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "cat"
        metadata = [("authorization", PASSWORD["Authorization"])]
        assert models.GetModelStatus(request, PATIENCE, metadata).model_version_status
        refused(grpc.StatusCode.UNAUTHENTICATED, lambda: models.GetModelStatus(request, PATIENCE))
        reload = model_management_pb2.ReloadConfigRequest()
        refused(grpc.StatusCode.PERMISSION_DENIED, lambda: models.HandleReloadConfigRequest(reload, PATIENCE, metadata))


@pytest.mark.parametrize("by", ["rest", "grpc"])
def test_the_client_comes_through(proxy, tmp_path, by):
    (tmp_path / "a.png").write_bytes(photo())
    where = ("--grpc", f"localhost:{proxy[1]}") if by == "grpc" else ("--rest", f"https://localhost:{proxy[0]}")
    command = [sys.executable, ROOT / "export" / "client.py", tmp_path / "a.png", "--model", "cat", "--out",
               tmp_path / "out", "--ca", proxy[2], *where]
    done = subprocess.run([*command, "--user", USER], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and (tmp_path / "out" / "a.png").is_file(), done.stderr
    done = subprocess.run([*command, "--user", "ann:guessed", "--out", tmp_path / "none"], capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 1 and ("401" in done.stderr or "UNAUTHENTICATED" in done.stderr)

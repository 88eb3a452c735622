"""Mistakes on the command line: one line each, before or after TensorFlow is loaded, and exit code 2."""

import importlib.util
import socket
from pathlib import Path

import pytest

from tests.server.test_model_configs import fill
from tfwsss.serve import build_parser, main


def refused(capsys, *arguments) -> str:
    """Returns the line that the command ends with."""
    assert main([str(argument) for argument in ("--rest-port", 0, "--grpc-port", 0, *arguments)]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == "" and len(lines) == 1 and "Traceback" not in err, err
    return lines[0]


def test_no_models(capsys, tmp_path):
    assert "no folder; expected one with MODEL/VERSION/saved_model.pb" in refused(capsys, "--models", tmp_path / "no")
    assert "no model to serve" in refused(capsys, "--models", tmp_path)
    fill(tmp_path / "cat", "1")
    assert "no graph is tagged 'serve'" in refused(capsys, "--models", tmp_path)


def test_config(capsys, tmp_path):
    config = tmp_path / "models.config"
    assert "cannot be read" in refused(capsys, "--models", tmp_path, "--config", config)
    config.write_text("model_config_list { config { name: 'cat' base_path: 'nowhere' } }")
    assert "model 'cat' has no wanted version in nowhere" in refused(capsys, "--models", tmp_path, "--config", config)
    config.write_text("{")
    assert "expected model_config_list" in refused(capsys, "--models", tmp_path, "--config", config)


@pytest.mark.parametrize("name", ["rest", "grpc"])
def test_a_port_that_is_taken(capsys, tmp_path, name):
    fill(tmp_path / "cat", "1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--{name}-port {port} at 127.0.0.1 cannot be used" in refused(capsys, "--models", tmp_path,
                                                                             f"--{name}-port", port)


def test_one_port_for_both(capsys, tmp_path):
    assert "are both 8500" in refused(capsys, "--models", tmp_path, "--rest-port", 8500, "--grpc-port", 8500)


def test_an_address_of_another_machine(capsys, tmp_path):
    assert "cannot be used" in refused(capsys, "--models", tmp_path, "--host", "192.0.2.1")


def test_the_extra_is_missing(capsys, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "grpc" else found(name))
    assert "grpc is not installed; run: pip install 'tfwsss[serve]'" in refused(capsys, "--models", tmp_path)


@pytest.mark.parametrize("arguments", [["--rest-port", "70000"], ["--rest-port", "x"], ["--threads", "0"],
                                       ["--timeout", "nan"], ["--timeout", "-1"], ["--max-body", "1.5"],
                                       ["--poll", "0"]])
def test_numbers(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["--models", "x", *arguments])
    assert caught.value.code == 2 and arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/page", "https://", "ftp://example.org",
                                    "https://a b", "null", ""])
def test_origins(capsys, origin):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--models", "x", f"--cors={origin}"])
    assert "is no origin; expected http:// or https:// and a host" in capsys.readouterr().err
    options = build_parser().parse_args(["--models", "x", "--cors", "https://example.org", "--cors=*"])
    assert options.cors == ["https://example.org", "*"]


def test_defaults():
    options = build_parser().parse_args(["--models", "export/models"])
    assert options.models == Path("export/models") and options.host == "127.0.0.1"
    assert (options.rest_port, options.grpc_port) == (8501, 8500) and options.cors == []

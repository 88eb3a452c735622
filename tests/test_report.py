import pytest

from tests.support.fake_run import fake_run, loads
from tfwsss.report import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images)
    return run


def test_a_mistake_gives_one_line(run, capsys):
    (run / "config.json").unlink()
    assert main([str(run)]) == 2
    streams = capsys.readouterr()
    assert "is no run" in streams.err and streams.err.count("\n") == 1 and streams.out == ""


def test_the_command_prints_the_path(run, capsys):
    assert main([str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert not list(run.glob(".*"))                       # nothing half written stays

"""How every command ends."""

import pytest

from tfwsss import cli
from tfwsss.errors import ImageFault, UserError


def raising(error):
    """Returns a command that ends with an error."""
    def command():
        raise error

    return command


@pytest.mark.parametrize("code", [0, 1])
def test_the_commands_own_code(code, capsys):
    assert cli.finish(lambda: code) == code and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [UserError, ImageFault])
def test_a_mistake_is_told_without_a_stack_trace(error, capsys):
    """The user's mistake goes to stderr; lines stay lines, and no sign in it steers the terminal."""
    assert cli.finish(raising(error("photos/\x1b[2J猫.jpg:\nis broken"))) == cli.MISTAKE
    assert capsys.readouterr() == ("", "error: photos/\\x1b[2J猫.jpg:\nis broken\n")


def test_control_c(capsys):
    assert cli.finish(raising(KeyboardInterrupt()), "stopped; go on") == cli.INTERRUPTED
    assert capsys.readouterr() == ("", "stopped; go on\n")


def test_a_defect_of_ours_is_not_hidden():
    for error in (ZeroDivisionError(), OSError("of no file"), UnicodeDecodeError("utf-8", b"", 0, 0, "x")):
        with pytest.raises(type(error)):
            cli.finish(raising(error))


def test_a_path_that_cannot_be_used_is_a_mistake_of_the_users(tmp_path, capsys):
    """Too long, not UTF-8, not to be written: the system names it, and so do we."""
    assert cli.finish(lambda: len((tmp_path / ("x" * 300)).read_bytes())) == cli.MISTAKE
    assert "xxx: cannot be used (File name too long); check the path" in capsys.readouterr().err
    assert cli.finish(lambda: len("caf\udce9".encode())) == cli.MISTAKE
    assert capsys.readouterr() == ("", "error: caf\\udce9: is not UTF-8; rename the file or folder\n")


def test_faults_are_listed(capsys):
    """Each on a line of its own, whatever is in a name or message."""
    assert cli.list_faults({}) == 0 and capsys.readouterr() == ("", "")
    assert cli.list_faults({"a": "torn", "b\r": "cut\noff"}) == cli.FAULTY
    assert capsys.readouterr() == ("", "fault: a: torn\nfault: b\\r: cut\\noff\n")

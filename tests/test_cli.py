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
    with pytest.raises(ZeroDivisionError):
        cli.finish(raising(ZeroDivisionError()))


def test_faults_are_listed(capsys):
    """Each on a line of its own, whatever is in a name or message."""
    assert cli.list_faults({}) == 0 and capsys.readouterr() == ("", "")
    assert cli.list_faults({"a": "torn", "b\r": "cut\noff"}) == cli.FAULTY
    assert capsys.readouterr() == ("", "fault: a: torn\nfault: b\\r: cut\\noff\n")

"""Messages of refusals stay short, whatever a request holds."""

import pytest

from tfwsss.server.refusal import Code, Refusal, invalid, shortened


@pytest.mark.parametrize("letter", ["x", "é", "猫", "\U0001f600", "\ud800", "\0"])
@pytest.mark.parametrize("count", [0, 800, 890, 900, 1000, 10**6])
def test_long_names_are_left_out_in_the_middle(letter, count):
    """The beginning tells what is wrong, the end what is right; gRPC's metadata hold 8 KiB, 3 for each byte."""
    message = invalid(f"no model '{letter * count}'; there is cat").message
    assert len(message.encode()) <= 1000                               # without half a character, which cannot be sent
    assert message.startswith("no model '") and message.endswith("; there is cat")
    assert (" [...] " in message) == (count * len(letter.encode("utf-8", "replace")) > 876)


def test_short_messages_are_kept():
    assert shortened("no model 'dog'") == "no model 'dog'"
    refusal = Refusal(Code.NOT_FOUND, "é" * 100)
    assert refusal.message == str(refusal) == "é" * 100

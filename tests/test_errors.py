"""Whatever a reader raises ends as one line that names the file or value."""

import pytest

from tfwsss.errors import ImageFault, UserError, brief, named


@pytest.mark.parametrize(("error", "words"), [
    (RecursionError("maximum"), "nested too deep"), (MemoryError(), "claims more memory"),
    (KeyError("a"), "KeyError: 'a'"),
    (OverflowError("too large"), "OverflowError: too large"), (ValueError("two\nlines"), "two lines"),
    (OSError(13, "Permission denied"), "Permission denied"), (EOFError(), "EOFError"),
    (AssertionError(), "AssertionError"),
    (TypeError("x" * 1000), "x" * 100), (ZeroDivisionError("division by zero"), "division by zero")])
def test_one_line(error, words):
    with pytest.raises(UserError) as caught, named("f.npz:", "delete it"):
        raise error
    message = str(caught.value)
    assert message.startswith("f.npz: cannot be read (") and message.endswith("); delete it") and words in message
    assert "\n" not in message and len(message) < 300 and caught.value.__cause__ is error
    assert brief(error) in message


def test_what_the_block_says_itself_passes():
    with pytest.raises(UserError, match="^of its own$"), named("f", "x"):
        raise ImageFault("of its own")
    with pytest.raises(ImageFault, match="f: cannot be read"), named("f:", "x", ImageFault):
        raise IndexError("1")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_fault_passes(error):
    with pytest.raises(error), named("f", "x"):
        raise error

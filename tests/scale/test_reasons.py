"""What the real decoder refuses, and what is said of it."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tests.data.files import encoded, odd_images
from tfwsss.saved_model.decode import decode
from tfwsss.scale.reasons import reason
from tfwsss.server.graph_errors import plain_words
from tfwsss.server.refusal import Code, Refusal

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
JPEG, PNG = (encoded(PIXELS, kind) for kind in ("JPEG", "PNG"))

CASES = {
    "half a JPEG": (JPEG[:len(JPEG) // 2], "broken or cut off .*JPEG.*; fetch or save it again"),
    "the start of a JPEG": (JPEG[:20], "broken or cut off .Invalid JPEG data.*; fetch or save it again"),
    "half a PNG": (PNG[:len(PNG) // 2], "broken or cut off .Invalid PNG.*; fetch or save it again"),
    "nothing": (b"", r"empty file \(0 bytes\); replace it by an image"),
    "a web page": (b"<html>404</html>", "a web page or other markup, not an image; replace it by an image"),
    "noise": (b"noise", "not an image of a known format; replace it by an image"),
    "TIFF": (odd_images()["tiff"][1], "is TIFF, and the exported model reads JPEG and PNG alone; save it as one"),
    "large": (encoded(np.zeros((60, 60, 3), np.uint8), "PNG"),
              "image of 60 x 60 pixels: more than the limit of 2000; make it smaller, or export with a larger"),
}


@pytest.fixture(scope="module")
def decoder():
    """The decoder of exports, traced once."""
    return tf.function(lambda text: decode(text, 2000), autograph=False)


@pytest.mark.parametrize("case", CASES)
def test_reasons(decoder, case):
    contents, expected = CASES[case]
    with pytest.raises(tf.errors.OpError) as caught:
        decoder(tf.constant(contents))
    told = reason(Refusal(Code(caught.value.error_code), plain_words(caught.value)), contents)
    assert re.match(expected, told) and "\n" not in told and "Graph" not in told and "node" not in told, told


def test_want_of_memory():
    told = reason(Refusal(Code.RESOURCE_EXHAUSTED, "OOM when allocating tensor"), JPEG)
    assert told == ("needs more memory than there is (OOM when allocating tensor); make it smaller, or take fewer "
                    "--workers")


def test_other_words_are_passed_on():
    assert reason(Refusal(Code.INTERNAL, "no kernel"), JPEG) == "no kernel"

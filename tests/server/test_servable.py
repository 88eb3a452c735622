"""Signatures of a loaded SavedModel, checks of inputs, and errors of its graph as refusals."""

import subprocess
import sys

import numpy as np
import pytest

from tests.support.local_server import photo
from tests.support.patience import PATIENCE
from tfwsss.server.refusal import Code, Refusal
from tfwsss.server.servable import Servable, check_inputs

WITHOUT_KERAS = """
import sys
sys.modules["keras"] = None                              # importing it raises
import tfwsss.server.server
from tfwsss.server.servable import Servable
servable = Servable(sys.argv[1])
print(sorted(servable.signature("log")({"x": __import__("numpy").ones((1, 2), "float32")})))
"""


def test_signatures(servable):
    signature = servable.signature("with_tags")
    assert signature.inputs["tags"].shape == (None, 2) and signature.inputs["image_bytes"].shape == (None,)
    assert servable.signature("log").inputs["x"].shape == (None, 2)
    assert set(signature.outputs) == {"mask_bytes", "class_ids", "classes", "class_scores"}
    assert servable.signature().name == "serving_default" and servable.labels == ["background", "cat", "dog"]
    with pytest.raises(Refusal, match="no signature 'other'; it has batch, kinds") as caught:
        servable.signature("other", Code.FAILED_PRECONDITION)
    assert caught.value.code == Code.FAILED_PRECONDITION


def test_call(servable):
    answer = servable.signature("log")({"x": np.float32([[1, np.e]])})
    np.testing.assert_allclose(answer["y"].numpy(), [[0, 1]], atol=1e-6)
    contents = np.array([photo(), photo("JPEG")], object)
    assert servable.signature("batch")({"image_bytes": contents})["length"].numpy().tolist() == [*map(len, contents)]


def test_errors_of_the_graph(servable):
    with pytest.raises(Refusal, match="^Unknown image file format[^{]*$") as caught:
        servable.signature()({"image_bytes": np.array([b"no image"], object)})
    assert caught.value.code == Code.INVALID_ARGUMENT


def test_assertions_of_the_graph(servable):
    """What an export asserts about its inputs reads as a sentence."""
    with pytest.raises(Refusal, match="^-3 steps: too few$"):
        servable.signature("slow")({"steps": np.int32(-3)})


@pytest.mark.parametrize(("arrays", "words"), [
    ({}, r"got inputs \[\]; signature 'log' takes \['x'\]"), ({"x": np.ones((1, 2), "f"), "y": 1}, "takes"),
    ({"x": np.ones((1, 2))}, "'x' is float64; expected float32"),
    ({"x": np.ones(2, "f")}, r"shape \[2\]; expected \['any', 2\]"), ({"x": np.ones((1, 3), "f")}, r"shape \[1, 3\]")])
def test_inputs_that_do_not_fit(servable, arrays, words):
    with pytest.raises(Refusal, match=words):
        check_inputs(servable.signature("log"), arrays)


def test_a_folder_that_is_no_model(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match="no graph is tagged 'serve'"):
        Servable(tmp_path)


def test_keras_is_not_needed(saved):
    done = subprocess.run([sys.executable, "-c", WITHOUT_KERAS, str(saved / "1")], capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.stdout == "['y']\n", done.stderr

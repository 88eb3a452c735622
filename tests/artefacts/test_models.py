"""Networks on disk: whole files without optimiser, read by our own classes only."""

import errno

import numpy as np
import pytest

from tfwsss.artefacts.models import load_model, write_model
from tfwsss.backbones.small import small
from tfwsss.errors import UserError
from tfwsss.models.classifier import Classifier
from tfwsss.models.segmenter import Segmenter


def test_model_is_written_whole_and_keeps_its_optimiser(tmp_path):
    class Model:
        """Stands for a Keras model: what is saved, and with which optimiser."""

        optimizer, compiled, fails = "sgd", True, False

        def save(self, path):
            path.write_text(f"{self.optimizer} {self.compiled}")
            if self.fails:
                raise OSError(errno.ENOSPC, "No space left on device")

    model = Model()
    write_model(tmp_path / "new", model)
    assert (tmp_path / "new" / "model.keras").read_text() == "None False"
    assert (model.optimizer, model.compiled) == ("sgd", True)
    model.fails = True
    with pytest.raises(UserError, match="model.keras: could not be written.*free space"):
        write_model(tmp_path / "new", model)
    assert model.optimizer == "sgd" and [path.name for path in (tmp_path / "new").iterdir()] == ["model.keras"]


def test_a_network_comes_back(tmp_path):
    """With its weights, ready to be asked; one kind of several is enough."""
    model = Classifier(small(width=0.1), 3, 0.0)
    write_model(tmp_path / "net", model)
    image = {"image": np.random.default_rng(0).uniform(0, 255, (1, 33, 41, 3)).astype("float32")}
    for kind in (Classifier, (Segmenter, Classifier)):
        found = load_model(tmp_path / "net", kind)
        assert isinstance(found, Classifier) and getattr(found, "optimizer", None) is None
        np.testing.assert_allclose(found(image)["cam"], model(image)["cam"], atol=1e-6)


def test_files_that_are_no_network_of_ours(tmp_path):
    """Missing, torn, or another network's: the file and the cure are named."""
    with pytest.raises(UserError, match="net/model.keras: no such file; let python -m tfwsss.train finish its stage"):
        load_model(tmp_path / "net", Classifier)
    write_model(tmp_path / "net", small(width=0.1))
    with pytest.raises(UserError, match="net/model.keras: holds a Functional; expected the Segmenter or Classifier"):
        load_model(tmp_path / "net", (Segmenter, Classifier))
    path = tmp_path / "net" / "model.keras"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="net/model.keras: cannot be read .*; train again with --redo net"):
        load_model(tmp_path / "net", Classifier)

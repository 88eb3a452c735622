"""`import tfwsss.models` is all that `keras.models.load_model` needs."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.support import goldens
from tests.support.patience import PATIENCE
from tests.support.sources import PACKAGE
from tests.support.untrained import NETWORKS
from tfwsss import models
from tfwsss.backbones.resnet38 import resnet38

LOADER = """
import sys
import keras
import tfwsss.models
for path in sys.argv[1:]:
    model = keras.models.load_model(path)
    print(type(model).__name__, model.count_params())
print(*sorted(name for name in keras.saving.get_custom_objects() if name.startswith("tfwsss>")))
"""


def test_a_fresh_process_loads_what_training_writes(tmp_path):
    """Networks of every method, and a backbone of its own; with every class that a network may be made of."""
    made = {f"{method} {stage}": build for method, stages in NETWORKS.items() for stage, build in stages.items()}
    made["backbone"] = lambda: resnet38(width=1 / 64)
    wanted = []
    for name, build in made.items():
        model = build()
        model.save(tmp_path / f"{name}.keras")
        wanted.append(f"{type(model).__name__} {model.count_params()}")
    done = subprocess.run([sys.executable, "-c", LOADER, *(str(tmp_path / f"{name}.keras") for name in made)],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    *loaded, known = done.stdout.splitlines()
    assert loaded == wanted
    needed = {name for name, kind in keras.saving.get_custom_objects().items()
              if name.startswith("tfwsss>") and issubclass(kind, keras.layers.Layer)}
    assert goldens.GOLDENS and needed and needed <= set(known.split()), needed - set(known.split())


@pytest.mark.parametrize("folder", ["layers", "models"])
def test_none_is_forgotten(folder):
    there = {path.stem for path in (PACKAGE / folder).glob("*.py")} - {"__init__"}
    assert there and there <= set(models.__all__) and all(hasattr(models, name) for name in there)


def test_it_loads_in_this_process_too(tmp_path):
    model = NETWORKS["retrain"]["segmenter"]()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    image = {"image": np.ones((1, 33, 33, 3), "float32")}
    np.testing.assert_array_equal(again(image)["logits"], model(image)["logits"])

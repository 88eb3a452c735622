"""What docs/new_method.md says of adding a method: its own files, written into a copy of the package, are a method."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.sources import PACKAGE, ROOT
from tests.support.tiny_run import AFFINITYNET, CIAN, SEGMENTER, draw_tiny_folder

GUIDE = ROOT / "docs" / "new_method.md"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A copy of the package with the guide's files in it and its name in the list, and tiny data with settings."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(PACKAGE, home / "tfwsss", ignore=shutil.ignore_patterns("__pycache__"))
    text = GUIDE.read_text(encoding="utf-8")
    files = re.findall(r"`tfwsss/(methods/toy/\w+\.py)`.*?```python\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in files] == [f"methods/toy/{name}.py" for name in ("config", "stages", "masker")]
    (home / "tfwsss" / "methods" / "toy").mkdir()
    (home / "tfwsss" / "methods" / "toy" / "__init__.py").write_text("", encoding="utf-8")
    for name, body in files:
        (home / "tfwsss" / name).write_text(body, encoding="utf-8")
    names = home / "tfwsss" / "methods" / "__init__.py"
    names.write_text(names.read_text("utf-8").replace('METHODS = (', 'METHODS = ("toy", '), encoding="utf-8")
    root = draw_tiny_folder(home / "data")
    settings = {**{key: AFFINITYNET[key] for key in ("workers", "tensorboard", "cam", "pseudo")},
                "classifier": {**AFFINITYNET["classifier"], "epochs": 1}, "segmenter": {**SEGMENTER, "epochs": 1},
                "relabel": CIAN["relabel"], "masks": CIAN["relabel"],
                "data": {"kind": "folder", "root": str(root), "split": "train", "val_split": "val"}}
    (home / "toy.yaml").write_text(json.dumps(settings), encoding="utf-8")          # JSON is YAML
    return home


BOTH = """
from tfwsss import predict, train
assert train.main("--method toy --config toy.yaml --run run".split()) == 0
assert predict.main("data/images --run run --out out --stage pseudo".split()) == 0
"""


def test_the_guides_method_trains_and_predicts(home):
    environment = {**os.environ, "PYTHONPATH": str(home), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run([sys.executable, "-c", BOTH], cwd=home, text=True, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    result, found = map(json.loads, done.stdout.strip().splitlines())
    assert list(result["miou"]) == ["cam", "cam_masks", "pseudo", "relabel", "masks"]
    assert (found["images"], found["faults"]) == (12, 0)
    mask = np.array(Image.open(next((home / "out" / "masks").glob("*.png"))))
    assert set(np.unique(mask)) <= {0, 1, 2, 3, 255}


def test_the_guide_names_files_that_are_there():
    named = re.findall(r"`((?:tests/|tfwsss/)?(?:[a-z_]+/)+(?:[a-z_0-9]+\.py)?)`", GUIDE.read_text(encoding="utf-8"))
    paths = {name for name in named if "toy" not in name}
    missing = [name for name in paths if not (ROOT / name).exists() and not (PACKAGE / name).exists()]
    assert len(paths) > 10 and not missing

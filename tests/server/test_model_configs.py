"""Models from folders and from models.config, and the version policies."""

from pathlib import Path

import pytest

from tfwsss.errors import UserError
from tfwsss.server.model_configs import ModelConfig, discover, numbers, read_config

CONFIG = """
model_config_list {
  config { name: "cat" base_path: "/models/cat" model_platform: "tensorflow" %s }
}
"""


def fill(model: Path, *names: str) -> None:
    for name in names:
        (model / name).mkdir(parents=True)
        (model / name / "saved_model.pb").touch()


@pytest.fixture
def models(tmp_path) -> Path:
    fill(tmp_path / "cat", "1", "2", "10", ".11", "012", "x", "-3", "1.5")
    (tmp_path / "cat" / "20").mkdir()                                  # being copied: no saved_model.pb yet
    fill(tmp_path / "dog", "7")
    fill(tmp_path / ".dog", "7")
    (tmp_path / "empty").mkdir()
    (tmp_path / "models.config").touch()
    return tmp_path


def read(models: Path, extra: str = "") -> ModelConfig:
    (models / "models.config").write_text(CONFIG % extra)
    (config,) = read_config(models / "models.config", models)
    return config


def test_numbers(models):
    assert numbers(models / "cat") == [1, 2, 10] and numbers(models / "none") == []


@pytest.mark.parametrize("name", [str(2**63), "9" * 20, "9" * 200, "9" * 5000, "٣", "²"])
def test_folders_beyond_any_version_number(tmp_path, name):
    """Messages hold int64; names that a disk does not take are left out."""
    fill(tmp_path, "7", str(2**63 - 1))
    try:
        fill(tmp_path, name)
    except OSError:
        pytest.skip("no folder can be named so")
    assert numbers(tmp_path) == [7, 2**63 - 1]


def test_long_lists(tmp_path):
    """A name is looked for in what was read before, not in all the others each time."""
    entry = 'config { name: "%s" base_path: "x" }'
    many = "model_config_list {" + " ".join(entry % k for k in range(1001)) + "}"
    for text, words in ((many, "names 1,001 models, more than 1,000"),
                        (many.replace('"999"', '"0"').replace('"1000"', '"0"', 1), "1,001 models")):
        (tmp_path / "models.config").write_text(text)
        with pytest.raises(UserError, match=words):
            read_config(tmp_path / "models.config", tmp_path)


def test_discover(models):
    assert [(config.name, config.wanted()) for config in discover(models)] == [("cat", [10]), ("dog", [7])]


@pytest.mark.parametrize(("policy", "wanted"), [
    ("", [10]), ("model_version_policy { latest {} }", [10]), ("model_version_policy { latest { num_versions: 2 } }",
                                                              [2, 10]),
    ("model_version_policy { all {} }", [1, 2, 10]), ("model_version_policy: { specific: { versions: [2, 9] } }", [2]),
    ("model_version_policy { specific { versions: 1 versions: 2 } }", [1, 2])])
def test_policies(models, policy, wanted):
    assert read(models, policy).wanted() == wanted


def test_labels_and_the_containers_path(models):
    config = read(models, 'version_labels { key: "stable" value: 2 } version_labels { key: "canary" value: 10 }')
    assert config.labels == {"stable": 2, "canary": 10} and config.folder == models / "cat"


@pytest.mark.parametrize(("text", "words"), [
    ("model_config_list {", "expected model_config_list"), ("{}", "expected model_config_list"),
    ("", "names no model"), ("model_config_list { }", "names no model"),
    ("model_config_list { config { name: 'a' } }", "needs both"),
    ("model_config_list { config { name: 'a' base_path: 'a' model_platform: 'torch' } }", "only 'tensorflow'"),
    ("model_config_list { config { name: 'a' base_path: 'a' } config { name: 'a' base_path: 'b' } }", "'a' twice"),
    ("model_config_list { config { name: 'a' base_path: 'a' model_version_policy { specific {} } } }", "names none"),
    ("model_config_list { config { name: 'a' base_pth: 'a' } }", "base_pth")])
def test_what_is_refused(tmp_path, text, words):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(UserError, match=words):
        read_config(tmp_path / "models.config", tmp_path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_config(tmp_path / "no.config", tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        discover(tmp_path / "none")

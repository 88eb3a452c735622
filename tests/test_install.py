"""The package works from a wheel, outside the checkout, and its commands load little before they answer."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv

import pytest

from tests.support.patience import PATIENCE
from tests.support.sources import ROOT, commands

FOUR = {"tfwsss.train", "tfwsss.evaluate", "tfwsss.predict", "tfwsss.report"}
HELP = """
import runpy, sys
sys.argv = [{module!r}, "--help"]
try:
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
except SystemExit as stop:
    code = stop.code
heavy = sorted({{"tensorflow", "keras", "skimage", "scipy", "matplotlib", "cv2", "h5py", "grpc", "aiohttp",
                 "tensorboard"}}
               & set(sys.modules))
print("LOADED", heavy, "CODE", code)
"""


def run(*command, **settings) -> subprocess.CompletedProcess:
    """Runs a program and returns what it printed."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, **settings)


def test_the_four_commands_are_there():
    assert set(commands()) >= FOUR, f"no build_parser in {sorted(FOUR - set(commands()))}"


@pytest.mark.parametrize("module", commands())
def test_help_loads_nothing_that_takes_long(module, tmp_path):
    done = run(sys.executable, "-c", HELP.format(module=module), cwd=tmp_path)
    assert "LOADED [] CODE 0" in done.stdout, done.stdout + done.stderr
    assert "usage:" in done.stdout


@pytest.mark.slow
def test_wheel_works_outside_the_checkout(tmp_path):
    source, wheels, home = tmp_path / "source", tmp_path / "wheels", tmp_path / "venv"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "tfwsss", source / "tfwsss", ignore=shutil.ignore_patterns("__pycache__"))
    built = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", wheels, source)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = wheels.glob("*.whl")

    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    installed = run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", site, wheel)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    # what the package needs comes from here; a path file's own path files are not read, so not our editable install
    with open(os.path.join(site, "neighbours.pth"), "w") as file:
        file.write(sysconfig.get_path("purelib") + "\n")

    where = run(python, "-c", "import tfwsss; print(tfwsss.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(home)), where.stdout + where.stderr
    for module in commands():
        done = run(python, "-m", module, "--help", cwd=tmp_path)
        assert done.returncode == 0 and "usage:" in done.stdout, f"{module}: {done.stdout}{done.stderr}"

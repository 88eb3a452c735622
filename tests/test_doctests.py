"""Runs the example of every docstring."""

import doctest
import importlib

import pytest

from tests.support.sources import module_name, python_files

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
WITH_EXAMPLE = [module_name(path) for path in python_files("tfwsss") if ">>>" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    module = importlib.import_module(name)
    report = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    cases = [case for case in doctest.DocTestFinder().find(module) if case.examples]
    assert cases, f"{name} shows an example outside its docstrings"
    for case in cases:
        runner.run(case, out=report.append)
    assert runner.failures == 0, "".join(report)

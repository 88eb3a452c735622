# `make demo` and `make test` need Python 3.11, make and a package index; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DOCS_VENV ?= .venv-docs
BEAM_VENV ?= .venv-beam
JAX_VENV ?= .venv-jax
# TensorFlow tells its own developers a lot; what concerns users comes as Python errors.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: venv venv-beam venv-jax demo test test-slow test-scale bench lint docs

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,serve]'
	touch $@

venv-beam: $(BEAM_VENV)/.installed  ## an environment of its own for Apache Beam, which holds protobuf below 7

$(BEAM_VENV)/.installed: pyproject.toml setup.py
	test -x $(BEAM_VENV)/bin/python || $(PYTHON) -m venv $(BEAM_VENV)
	$(BEAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,beam]'
	touch $@

venv-jax: $(JAX_VENV)/.installed  ## an environment with JAX beside all else, for training on several hosts

$(JAX_VENV)/.installed: pyproject.toml setup.py
	test -x $(JAX_VENV)/bin/python || $(PYTHON) -m venv $(JAX_VENV)
	$(JAX_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,serve,jax]'
	touch $@

demo: venv  ## train ICD on the built-in data set, to pseudo labels and a report
	$(BIN)/python -m tfwsss.train --method icd --run runs/demo

# In parts, since a process keeps much of what TensorFlow once needed: new ones start small.
PARTS = tests/[a-l]*/ tests/[m-z]*/ tests/test_*.py

test: venv  ## every test but the slow ones, in two processes
	failed=0; for part in '$(subst $() ,' ',$(PARTS))'; do \
	  $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder $$part || failed=1; done; exit $$failed

test-slow: venv  ## the tests that take long, or repeat at length what smaller ones prove
	$(BIN)/python -m pytest -m slow

test-scale: venv-beam venv-jax  ## `label` under Apache Beam, embedded, and training by several processes under JAX
	$(BEAM_VENV)/bin/python -m pytest -m "not slow" tests/scale tests/test_label.py
	$(JAX_VENV)/bin/python -m pytest -m "scale and not slow" tests/hosts tests/runs/test_data_parallel.py

bench: venv  ## speed beside the programs that are replaced; pydensecrf2 (extra crf, needs a compiler) where installed
	for file in crf random_walk superpixels affinitynet serve predict train; do $(BIN)/python benchmarks/$$file.py || exit 1; done

lint: venv
	$(BIN)/python -m ruff check tfwsss tests benchmarks docs

docs: venv $(DOCS_VENV)/.installed  ## the documentation, to site/
	$(BIN)/python docs/generated.py build/docs
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet  # the notice is of a later MkDocs

# Only the extra itself: pages are laid out without TensorFlow.
$(DOCS_VENV)/.installed: pyproject.toml
	test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' > $(DOCS_VENV)/wanted.txt
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(DOCS_VENV)/wanted.txt
	touch $@

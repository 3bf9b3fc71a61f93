# The README's commands. Everything lives in .venv and instance/; no root, no Node, no Docker.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench demo clean

run: $(VENV)/run.stamp
	@exec $(BIN)/webprov serve

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

demo: export WEBPROV_INSTANCE := demo
demo: $(VENV)/run.stamp
	@$(BIN)/webprov demo
	@exec $(BIN)/webprov serve

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

$(VENV)/run.stamp: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info

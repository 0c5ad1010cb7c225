# Each target makes the virtual environment if it is missing or older than pyproject.toml.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test test-slow test-faults test-statistics test-docs docs lint format bench search-efficiency clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/mamlab demo

test: $(STAMP) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

test-faults: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults tests/fault_tests -v --durations=0

test-slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

test-docs: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m docs tests/test_docs.py -v

docs: $(STAMP)
	$(BIN)/python -m study.spec_reference > docs/spec.md
	for report in docs/results/*/; do $(BIN)/mamlab report --from $$report --out $$report || exit 1; done

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-statistics: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage

search-efficiency: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.search_efficiency

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache

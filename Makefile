# Each target makes the virtual environment if it is missing or older than pyproject.toml or constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

.PHONY: setup demo test test-lowest test-slow test-faults test-statistics test-docs docs lint format bench gpu gpu-more gpu-luggage search-efficiency search-curves
.PHONY: release-check constraints clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/mamlab demo

# A test that hangs shows where after ten minutes, and fails.
test: $(STAMP) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations=25 \
		-o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true

# The same tests with the lowest releases that pyproject.toml allows, in an environment of its own; what these warn of is no fault.
test-lowest:
	$(PYTHON) -m venv $(VENV)-lowest
	$(PYTHON) -m tests.lowest > $(VENV)-lowest/lowest.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lowest/bin/python -m pip install --quiet --constraint $(VENV)-lowest/lowest.txt --editable '.[dev]'
	OMP_NUM_THREADS=1 $(VENV)-lowest/bin/python -m pytest -n $(JOBS) --dist loadfile -W default \
		-m 'not slow and not faults and not docs and not pinned'

# The wheel, installed with constraints.txt into a bare environment, does the demo in an empty folder.
release-check: $(STAMP)
	.ci/release-check $(PYTHON) $(BIN)/python

constraints: $(STAMP)
	(head -2 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable --exclude mamlab | grep -viE '^(nvidia-|cuda-|triton)') > constraints.new
	mv constraints.new constraints.txt

test-faults: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults tests/fault_tests -v --durations=0

test-slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

test-docs: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m docs tests -v

docs: $(STAMP)
	$(BIN)/python -m study.spec.reference > docs/spec.md
	MAMLAB_HOME=$$(mktemp -d) $(BIN)/python -m tests.notebooks examples/*.ipynb
	for report in docs/results/*/study.json; do \
		$(BIN)/mamlab report --from $$(dirname $$report) --out $$(dirname $$report) || exit 1; done

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
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.replay

# Random configs of three problems trained to the end, 500 each: two hours of a core. It may be stopped and goes on.
search-curves: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.curves

# What a GPU has to prove: docs/gpu.md. The luggage is for a machine without a network.
gpu: $(STAMP) gpu-luggage
	$(BIN)/python -m benchmarks.gpu

gpu-more: $(STAMP) gpu-luggage
	$(BIN)/python -m benchmarks.gpu more

gpu-luggage: $(STAMP)
	$(BIN)/python -m benchmarks.gpu.luggage

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(VENV)-lowest build dist .mypy_cache .pytest_cache .ruff_cache

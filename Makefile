# Everything runs in .venv, which `make setup` makes.
PYTHON ?= python3
BIN := .venv/bin
# One thread an operation: two test processes on two cores must not fight for them.
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo check test slow tables format clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	touch $@

# The main job: train from the command line, look at the result, predict with the shipped file, and name a photograph.
demo: setup
	rm -rf runs/demo
	$(BIN)/topfive train digits --model lenet5 --out runs/demo/run
	$(BIN)/topfive evaluate runs/demo/run/model.onnx digits
	$(BIN)/python scripts/demo_pictures.py runs/demo/pictures
	$(BIN)/topfive predict --model runs/demo/run/model.onnx --top 2 runs/demo/pictures/digits/*.png
	$(BIN)/topfive predict runs/demo/pictures/photographs/*
	@echo "The report of the run: runs/demo/run/report.html"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: setup
	$(BIN)/pytest -n 2 -m 'not slow'

slow: .venv/oracles
	$(BIN)/pytest -m slow

.venv/oracles: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev,oracles]'
	touch $@

# docs/models.md and its drawings, from what the papers' files say.
tables: setup
	$(BIN)/python scripts/build_tables.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist src/*.egg-info

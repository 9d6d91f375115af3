# Everything a fresh machine needs: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint tests docs figures bench clean

demo: $(VENV)/.runs
	$(BIN)/foldwright predict examples/trp_repressor.fasta --model mini
	@echo "Look at runs/trp_repressor/report.html"

test: lint tests

lint: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/codespell

tests: $(VENV)/.tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

docs: $(VENV)/.runs
	$(BIN)/python docs/make_algorithms.py

figures:
	$(PYTHON) dev/figures.py

bench: $(VENV)/.runs
	$(BIN)/python benchmarks/bench_evoformer.py

$(VENV)/.runs: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.runs
	$(PIP) --editable ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) runs build dist

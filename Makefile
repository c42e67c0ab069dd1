# Everything from a fresh clone with Python 3.11+ alone. Set PYTHON to use another one than python3.
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: report test lab bench pictures lint clean

report: .venv/ready
	$(BIN)/flowkit report

lab: .venv/ready
	$(BIN)/jupyter lab --notebook-dir notebooks

test: .venv/ready-test lint
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: .venv/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv/ready-bench
	$(BIN)/python tests/benchmarks/bench.py

pictures: .venv/ready-test
	$(BIN)/python docs/pictures.py

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flowkit needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable '.[aws]'
	touch $@

.venv/ready-test: .venv/ready
	$(INSTALL) --editable '.[aws,test]'
	touch $@

.venv/ready-bench: .venv/ready
	$(INSTALL) --editable '.[aws,bench]'
	touch $@

clean:
	rm -rf .venv

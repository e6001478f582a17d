# `make` explains itself. `make demo` and `make test` do all their own set-up.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
BROKER ?=
RESET ?=
FUZZ_SECONDS ?= 60
ROWS ?= 1000000

.DEFAULT_GOAL := help
.PHONY: help demo test lint format lock messages rules fuzz bench-engine bench-verdict bench-record bench-probe bench-runs bench-store bench-scale simulate chaos clean

help:  ## what you can do here
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo RESET=1                      forget the demo's data first"
	@echo "  make demo PORT=8080                    another port"
	@echo "  make demo BROKER=redis://127.0.0.1/0   Redis instead of the filesystem queue"

demo: $(VENV)/.runtime  ## a register that measures an imitated internet, at http://127.0.0.1:8000
	@exec $(BIN)/python manage.py demo --port $(PORT) $(if $(BROKER),--broker $(BROKER)) $(if $(RESET),--reset)

test: $(VENV)/.dev  ## every test; starts the servers that it needs
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)
	@TIZILIM_TEST_POSTGRES=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "django_db and not browser and not walk" $(TESTS)

lint: $(VENV)/.dev  ## layout, lint, types, templates, translations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/djlint --lint --quiet registry/templates
	@$(BIN)/python manage.py makemigrations --check --dry-run --verbosity 1
	@$(BIN)/python manage.py check --fail-level WARNING

format: $(VENV)/.dev  ## put the code into layout
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

messages: $(VENV)/.dev  ## collect new texts for translation and compile the catalogues (needs gettext)
	@$(BIN)/python manage.py makemessages -l kk -l ru --no-location --no-obsolete -i .venv -i var
	@$(BIN)/python manage.py compilemessages -i .venv

lock: $(VENV)/.dev  ## write requirements*.txt from requirements*.in
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

rules: $(VENV)/.runtime  ## write the table of the rules into docs/method.md
	@$(BIN)/python -m checks.verdict.published docs/method.md

fuzz: $(VENV)/.dev  ## fuzz the parsers with atheris, FUZZ_SECONDS=60 each
	@$(BIN)/pip install -q atheris
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

bench-engine: $(VENV)/.bench  ## the engine beside other tools (root; ten minutes; docs/benchmarks.md); BENCH=--quick
	@$(BIN)/python -m benchmarks.engine $(BENCH)

bench-verdict: $(VENV)/.runtime  ## how fast measurements are judged, and a million stored ones again (half an hour, 5 GB; ROWS=20000)
	@$(BIN)/python -m benchmarks.verdict $(BENCH)
	@$(BIN)/python -m benchmarks.rejudge --rows $(ROWS)

bench-record: $(VENV)/.runtime  ## the pages over 100,000 resources, and an import of the state register (ten minutes, 3 GB)
	@$(BIN)/python -m benchmarks.record $(BENCH)

bench-probe: $(VENV)/.dev  ## what a probe costs beside the bare engine, its memory, and what its tasks cost (four minutes)
	@$(BIN)/python -m benchmarks.probe $(BENCH)
	@$(BIN)/python -m benchmarks.tasks

bench-runs: $(VENV)/.dev  ## how fast batches that come home are recorded and judged, and their size (PostgreSQL; five minutes)
	@$(BIN)/python -m benchmarks.runs $(BENCH)

bench-store: $(VENV)/.dev  ## counting over ten million measurements: from cells, PostgreSQL, Parquet (half an hour, 25 GB)
	@$(BIN)/python -m benchmarks.store $(BENCH)

bench-scale: $(VENV)/.dev  ## recorders, readers, vantages, a copy of PostgreSQL, two registers, each grown apart (five minutes)
	@$(BIN)/python -m benchmarks.scale $(BENCH)

simulate: $(VENV)/.runtime  ## a country on paper: machines, lines and disks for a year (COUNTRY="--networks 60 --vantages 2")
	@$(BIN)/python -m benchmarks.simulate $(COUNTRY)

chaos: $(VENV)/.dev  ## whole sweeps while every part is killed, cut off, misled (an hour; CHAOS="--checks 1000 redis")
	@$(BIN)/python -m tests.chaos $(CHAOS)

clean:  ## remove the virtual environment and all data of demo and tests
	@rm -rf $(VENV) var .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/.runtime: requirements.txt
	@sh .ci/install $(PYTHON) $(VENV) requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt
	@sh .ci/install $(PYTHON) $(VENV) requirements-dev.txt
	@touch $@ $(VENV)/.runtime

$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.runtime
	@sh .ci/install $(PYTHON) $(VENV) benchmarks/requirements.txt
	@touch $@

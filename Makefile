# The commands a person types. Each sets up its own .venv; only Python 3.11+ and make are needed.
.PHONY: demo dev test chaos check bench format lock clean
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Test files that run side by side.
LANES ?= 2
export TEMPORAL_CLI_DISABLE_UPDATE_CHECK := 1
# Hundreds of processes are started; what one of them compiled the next shall not compile again.
unexport PYTHONDONTWRITEBYTECODE

$(VENV)/.python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Unclose needs Python 3.11 or later"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[demo]"
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install -q -c constraints.txt --group dev
	touch $@

demo: $(VENV)/.run ## one whole case on the demo ledger (ARGS=--exit stops after it)
	$(BIN)/unclose demo $(ARGS)

dev: $(VENV)/.run ## API, worker, embedded Temporal, demo ledger
	$(BIN)/unclose dev $(ARGS)

test: $(VENV)/.dev ## every test
	$(BIN)/python -m pytest -n $(LANES) --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: $(VENV)/.dev ## the worker killed after every event of a case; cases over twelve periods; two hundred forms over a bad line
	UNCLOSE_EVERY_EVENT=1 $(BIN)/python -m pytest tests/chaos tests/integration/test_long_cases.py tests/e2e/test_forms.py $(ARGS)

check: $(VENV)/.dev ## the gate: format, lint, types, arrows, OpenAPI drift, tests
	BIN=$(BIN) .ci/check.sh

bench: $(VENV)/.dev ## the ratio table of the design
	$(BIN)/python -m bench $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## renew constraints.txt (needs uv)
	uv export -q --all-extras --all-groups --no-hashes --no-emit-project --no-annotate --no-header -o constraints.txt
	rm -f uv.lock

clean:
	rm -rf $(VENV) var

# The two commands of this project: make demo, make test. Everything else is for people who work on it.
# Needs Python 3.11 or newer and make. Both install from constraints.txt into .venv.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
DEMO ?= demo

.PHONY: demo test test-again lint test-nightly test-faults test-interop test-api redteam fuzz mutants wheel-test bench train clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("seedproof needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) -e '.[dev]'
	@touch $@

# Create a picture, claim it, verify it by making it again. Keys and log live in the demo folder.
demo: $(VENV)/.installed
	@PATH="$(abspath $(BIN)):$$PATH" sh tools/demo.sh $(DEMO)

# As many processes as there are cores, four at most; the tests of one file stay together.
test: lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# What failed in the last run, and nothing where none did.
test-again: lint
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What takes long: marked slow, nightly.
test-nightly: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow --timeout 3600

# The log under 200 kills at random moments, and killed at every single one of its writes.
test-faults: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/faults tests/contract -m "slow or not slow" --timeout 3600

# Our vectors, checked by a Node.js program that shares no code with ours.
test-interop: $(VENV)/.installed-dev
	cd tests/interop && npm ci --silent --no-fund --no-audit
	@$(PIP) --no-deps --ignore-requires-python -r tests/interop/requirements.txt
	$(BIN)/python -m pytest -m interop

# Ten minutes of schemathesis against a running service.
test-api: $(VENV)/.installed-dev
	SEEDPROOF_API_SECONDS=600 $(BIN)/python -m pytest -m slow tests/ledger/server/test_openapi.py

# Attacks, counted: every threat of tests/attacks/redteam at full length. Hours; goes on where it was interrupted.
redteam: $(VENV)/.installed-dev
	$(BIN)/python -m tests.attacks.redteam --wanted --json benchmarks/results/redteam.json --table docs/redteam.md

# An hour of the processor on hostile input to every parser; goes on where it was. See docs/fuzzing.md.
fuzz: $(VENV)/.installed-dev
	@$(PIP) -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz --json benchmarks/results/fuzz.json

# Does a test go red when a line of the protocol's core is broken? Hours; goes on where it was. See docs/fuzzing.md.
mutants: $(VENV)/.installed-dev
	@$(PIP) -e '.[mutation]'
	$(BIN)/python tools/mutation.py --json benchmarks/results/mutants.json

# A wheel built here and installed elsewhere does the main job.
wheel-test: $(VENV)/.installed-dev
	sh tools/wheel_test.sh $(BIN)/python

# All figures of benchmarks/results/.
bench: $(VENV)/.installed-dev
	for name in noise proof latent cli generate reproduce separation edit style remix lineage; do $(BIN)/python -m benchmarks.$$name --json benchmarks/results/$$name.json || exit 1; done
	$(BIN)/python -m benchmarks.separation --remix --json benchmarks/results/separation-remix.json --plot docs/remix-separation.png

# Train the house model from nothing; goes on where it was interrupted.
train: $(VENV)/.installed
	@$(PIP) -e '.[train]'
	$(BIN)/python -m generator.house.train --out build/house2

clean:
	rm -rf $(VENV) build dist *.egg-info $(DEMO)

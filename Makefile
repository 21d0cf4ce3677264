# make help lists the targets.
STACK ?= prod
PYTHON := .venv/bin/python
INSTALLED = test -x $(PYTHON) || { echo "Nothing is installed in this checkout yet: run \`make up STACK=$(STACK)\` first." >&2; exit 1; }

.PHONY: help up down status env test test-recovery check bench bench-recovery docs
.DEFAULT_GOAL := help

help: ## what each target does
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

up: ## a local cloud, and TOYBOX on it, serving over HTTPS (STACK=prod)
	@# the compiler begins at once; `lab up` waits for it where it needs Pulumi, and says so if it failed
	@toolchain/install pulumi & toolchain/install venv
	@$(PYTHON) -m lab up $(STACK)

down: ## take all of it away again, data included
	@toolchain/install venv
	@$(PYTHON) -m lab down

status: ## what runs on this machine, and its memory
	@$(INSTALLED)
	@$(PYTHON) -m lab status

env: ## shell settings for pulumi and toybox on the lab: eval "$(make -s env STACK=prod)"
	@$(INSTALLED)
	@$(PYTHON) -m lab env $(STACK)

# two processes, each with a project of the lab; tests/conftest.py says who runs what
PYTEST := $(PYTHON) -m pytest --numprocesses 2 --no-loadscope-reorder --durations 10 --durations-min 1
RECOVERY := tests/lab/recovery

test: ## every test but the long ones, those on the local cloud included
	@toolchain/install
	@$(PYTHON) -m lab up
	@$(PYTEST) --ignore $(RECOVERY)

test-without-lab: ## those that need no local cloud: functions, the command line, the toolchain, the state in a bucket
	@toolchain/install
	@$(PYTEST) tests/unit tests/command_line tests/toolchain tests/state

test-recovery: ## the long ones: killed updates, lost servers, disks and clouds, and what comes back after each
	@toolchain/install
	@$(PYTHON) -m lab up
	@$(PYTEST) $(RECOVERY)

check: ## ruff, mypy, shellcheck, go vet and the Go tests
	@toolchain/install
	@toolchain/check

bench: ## measure and write docs/benchmarks.md
	@toolchain/install
	@$(PYTHON) -m lab up prod
	@$(PYTHON) -m lab.bench

bench-recovery: ## measure a recovery and thirty nights of backups, and write them into docs/benchmarks.md
	@toolchain/install
	@$(PYTHON) -m lab up
	@$(PYTHON) -m lab.bench_recovery

docs: ## write the settings' pages from the models, and the table of docs/guard.md from the rules
	@$(INSTALLED)
	@$(PYTHON) -m settings.reference
	@$(PYTHON) -m ops.guard.reference

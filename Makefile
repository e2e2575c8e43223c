# GNU make. `make` alone lists what there is; `make PYTHON=python3.12 test` chooses another Python.

PYTHON ?= python3.13 python3.12 python3.11 python3

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed
UNFINISHED := .venv/.unfinished

.DEFAULT_GOAL := help
.PHONY: help demo test check docs audit wheel clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME)  ## evolve networks for handwritten digits, then print and plot the front
	rm -rf runs/demo
	$(BIN)/evocnn run experiments/digits/experiment.toml --workers 2 --out runs/demo
	$(BIN)/evocnn plot runs/demo

test: $(DEVELOPMENT)  ## run the tests and hold their coverage against the bar in setup.cfg
	$(BIN)/pytest --cov --numprocesses auto --maxprocesses 4 --dist loadgroup

check: $(DEVELOPMENT)  ## run the linter, the formatter's check, the type checker and the import contract; build the pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs

docs: $(DEVELOPMENT)  ## build the pages of docs/ and the API reference into build/docs; a broken link is an error
	$(BIN)/sphinx-build -c docs -E -W --keep-going --quiet . build/docs
	@echo build/docs/index.html

# The audit asks a database on the network; the other two need none.
audit: $(DEVELOPMENT)  ## list what is installed and its licences in build/audit, then look for known vulnerabilities
	mkdir -p build/audit
	$(PIP) install --constraint constraints.txt --editable '.[dev,audit]'
	$(BIN)/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml --output-reproducible \
	    --output-file build/audit/sbom.cdx.json
	$(BIN)/pip-licenses --from=mixed --format=markdown --order=license --output-file build/audit/licences.md
	$(BIN)/pip-audit --no-deps --disable-pip --requirement constraints.txt

wheel: $(DEVELOPMENT)  ## build the wheel into dist/
	rm -rf build dist
	$(BIN)/python -m build --wheel --quiet
	@ls dist/*.whl

clean:  ## remove .venv, caches, built files and the demo's run; other runs stay
	rm -rf .venv build dist *.egg-info .coverage .coverage.* .*_cache .hypothesis runs/demo
	find evocnn tests benchmarks experiments -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# A stamp stands for a finished installation, so a second run installs nothing. While pip works there
# is no stamp but a mark; who finds the mark starts over, because pip takes half a package for a whole one.
$(RUNTIME): pyproject.toml constraints.txt
	@$(call say,evocnn)
	@$(prepare)
	@$(PIP) install --constraint constraints.txt --editable .
	@mv $(UNFINISHED) $@

$(DEVELOPMENT): pyproject.toml constraints.txt
	@$(call say,evocnn and its development tools)
	@$(prepare)
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@cp -p $(UNFINISHED) $(RUNTIME)
	@mv $(UNFINISHED) $@

say = echo "Installing $(1) into .venv; from nothing this takes about two minutes."

# Each Python is asked, not believed: a pyenv shim may stand for a version that is not installed.
define prepare
set -e; \
if [ ! -x $(BIN)/pip ] || [ -e $(UNFINISHED) ]; then \
    found=; \
    for candidate in $(PYTHON); do \
        if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
        then found=$$candidate; break; fi; \
    done; \
    if [ -z "$$found" ]; then \
        echo "evocnn needs Python 3.11 or newer with its venv module, but none of these is one: $(PYTHON);" >&2; \
        echo "install one (on Debian with its python3-venv), or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
        exit 1; \
    fi; \
    "$$found" -m venv --clear .venv; \
fi; \
rm -f $(RUNTIME) $(DEVELOPMENT); \
touch $(UNFINISHED)
endef

# Every command of the workspace. A fresh machine needs Python 3.11 or newer, git and make; the rest is installed
# into the checkout (.tools/, .venv/, tests/node/node_modules/).
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV := .tools/uv/bin/uv
BIN := .venv/bin
PYTHON_READY := .venv/.ready
NODE_READY := tests/node/node_modules/.ready
CLIENTS_READY := tests/acceptance/clients/node_modules/.ready
MANIFESTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
# more workers cost more time to start than they save
WORKERS := -n logical --maxprocesses 8

# every suite that needs more than Python or takes more than minutes has a separate target
LONG_TESTS := --ignore=tests/acceptance --ignore=tests/attacks --ignore=tests/chart --ignore=tests/e2e --ignore=tests/engine
IMAGES := gateway prompt-transformer extractor tool-executor simulator cli

##@ Use
.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9.-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: $(PYTHON_READY) $(NODE_READY) ## Install everything into the checkout (PYTHON=/path chooses the interpreter)
	@echo 'setup: everything is installed; next: make demo'

.PHONY: demo
demo: $(PYTHON_READY) ## Show the main job end to end: four services, a simulated model, the OpenAI SDK
	@$(BIN)/toolgate demo

.PHONY: run
run: $(PYTHON_READY) ## Start the stack on this machine (ARGS='--upstream URL' for a real model)
	@$(BIN)/toolgate up $(ARGS)

##@ Test
.PHONY: test
test: check ## All checks of `make check`, all tests, coverage of core and formats
	$(BIN)/python -m pytest tests $(LONG_TESTS) $(WORKERS) -q --cov --cov-report=term

.PHONY: quick
quick: $(PYTHON_READY) ## Run the linter and the fast tests
	$(BIN)/ruff check
	$(BIN)/python -m pytest tests $(LONG_TESTS) $(WORKERS) -q -m "not slow"

.PHONY: acceptance
acceptance: $(PYTHON_READY) $(NODE_READY) clients ## Run the long suites: a thousand questions against simulated models, random upstreams, kills, attacks
	$(BIN)/python -m pytest tests/acceptance tests/attacks --ignore=tests/acceptance/clients -q

.PHONY: clients
clients: $(CLIENTS_READY) ## Run agents of eight frameworks against the gateway, and every block of docs/clients.md
	.tools/clients/bin/python -m pytest tests/acceptance/clients -q -W default

.PHONY: engine
engine: $(PYTHON_READY) ## Test a real vLLM with a small model, alone and behind the gateway (ENGINE=command that starts one, FORM=short)
	@ENGINE='$(ENGINE)' FORM='$(FORM)' scripts/engine.sh $(ARGS)

.PHONY: bench
bench: $(PYTHON_READY) ## Measure the gateway, compared with no proxy and a plain proxy
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-extract
bench-extract: $(PYTHON_READY) ## Measure the cost of reading calls out of text, in every dialect
	@$(BIN)/python -m benchmarks.extraction $(ARGS)

# a separate environment: `uv sync` of the workspace must not need it
.PHONY: fuzz
fuzz: $(PYTHON_READY) ## Fuzz the reading of calls for SECONDS (600) and write findings into fuzz/findings/
	@UV_PROJECT_ENVIRONMENT=.tools/fuzz $(UV) sync --frozen --quiet --no-default-groups --group fuzz --package toolgate-core --python $(BIN)/python
	@.tools/fuzz/bin/python -m fuzz.extraction --seconds $(or $(SECONDS),600) $(ARGS)

##@ Deploy
.PHONY: images
images: ## Build all images with docker or buildah (REGISTRY, TAG, PYTHON_IMAGE, BUILD_FLAGS)
	@scripts/images.sh build $(IMAGES)

.PHONY: images.load
images.load: ## Load them into kind (KIND_CLUSTER), or with a command that takes archives (IMAGES_LOAD)
	@scripts/images.sh load $(IMAGES)

# make image.gateway
image.%:
	@scripts/images.sh build $*

.PHONY: chart
chart: $(PYTHON_READY) ## Check the chart: lint, unit tests, golden renders, conventions (HELM, HELM_UNITTEST)
	@scripts/check_chart.sh

.PHONY: chart-docs
chart-docs: $(PYTHON_READY) ## Write the schema of the chart's values, and the tables of values and models
	@$(BIN)/python scripts/chart.py

.PHONY: chart-golden
chart-golden: $(PYTHON_READY) ## Write the golden renders and k8s/base again
	@export HELM="$$(scripts/helm.sh | head -n 1)" TOOLGATE_GOLDEN=write && \
	  $(BIN)/python -m pytest tests/chart/test_golden.py -q && $(BIN)/python scripts/kustomize.py

.PHONY: chart-dry-run
chart-dry-run: ## Check every render strictly by the API server of KUBECONFIG (the definitions must be installed)
	@HELM="$$(scripts/helm.sh | head -n 1)" scripts/dry_run.sh

.PHONY: e2e
e2e: $(PYTHON_READY) ## Install the chart on the cluster of KUBECONFIG and test it from outside
	@scripts/e2e.sh $(ARGS)

##@ Check
.PHONY: check
check: lint types arch generated ## Run all checks: lint, types, architecture, generated files, lock file

.PHONY: format
format: $(PYTHON_READY) ## Format the code
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

.PHONY: lint
lint: $(PYTHON_READY) $(NODE_READY) ## Check formatting, ruff and buf
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	PATH="$(CURDIR)/$(BIN):$$PATH" tests/node/node_modules/.bin/buf lint protos

.PHONY: types
types: $(PYTHON_READY) ## Run mypy --strict over all packages, tests, scripts and benchmarks
	$(BIN)/mypy

.PHONY: arch
arch: $(PYTHON_READY) ## Check imports between packages, the core's purity, budgets, words, declared dependencies
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/arch -q
	$(BIN)/python scripts/closures.py $(UV)

.PHONY: generated
generated: $(PYTHON_READY) ## Check that generated files and the lock match their sources
	$(BIN)/python scripts/protos.py --check
	$(BIN)/python scripts/configuration.py --check
	$(BIN)/python scripts/dialects.py --check
	$(BIN)/python scripts/limits.py --check
	$(BIN)/python -m scripts.drawing --check
	$(BIN)/python scripts/chart.py --check
	$(UV) lock --check --quiet

##@ Generate
.PHONY: generate
generate: $(PYTHON_READY) ## Write the protos' code, the pages of settings, dialects and limits, the drawings
	$(BIN)/python scripts/protos.py
	$(BIN)/python scripts/configuration.py
	$(BIN)/python scripts/dialects.py
	$(BIN)/python scripts/limits.py
	$(BIN)/python -m scripts.drawing

.PHONY: clean
clean: ## Remove installed files and caches
	rm -rf .tools .venv tests/node/node_modules tests/acceptance/clients/node_modules .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* fuzz/corpus
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON_READY): $(MANIFESTS) scripts/setup.sh
	@sh scripts/setup.sh
	@touch $@

# not `npm ci`, which refuses a lock that does not list the buf binary of every platform there is
$(NODE_READY): tests/node/package.json tests/node/package-lock.json $(PYTHON_READY)
	@echo 'setup: installing the Node packages into tests/node/'
	@cd tests/node && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

# the frameworks have a separate environment, so that `make setup` installs none of them
$(CLIENTS_READY): tests/acceptance/clients/package.json tests/acceptance/clients/package-lock.json $(PYTHON_READY)
	@echo 'clients: installing the frameworks into .tools/clients/ and tests/acceptance/clients/'
	@UV_PROJECT_ENVIRONMENT=.tools/clients $(UV) sync --frozen --quiet --all-packages --group clients --python $(BIN)/python
	@cd tests/acceptance/clients && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

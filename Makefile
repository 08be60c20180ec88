# 指尖: every command there is. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Nothing is written outside the clone: the package managers' caches live in .cache/.
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export npm_config_cache := $(CURDIR)/.cache/npm
export npm_config_update_notifier := false
export CARGO_HOME := $(CURDIR)/.cache/cargo
export PIP_DISABLE_PIP_VERSION_CHECK := 1

UV_VERSION := 0.13.9
PYTHON ?= python3
BIN := .venv/bin
STAMPS := build/stamps
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find streaming/rust -name '*.rs' -not -path '*/fuzz/*' -o -name Cargo.toml -not -path '*/fuzz/*')
WEB_SOURCES := $(shell find web_client -path web_client/node_modules -prune -o -path web_client/dist -prune -o -type f -print)
say = @printf '\033[1m==> %s\033[0m\n'

.PHONY: help run test check bench networks soak e2e setup lock format screenshots rust-test web-test python-test preflight api-client clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: $(STAMPS)/python streaming/_relay.abi3.so web_client/dist/index.html ## set up, then serve with the fictional demo data on http://127.0.0.1:8000
	@exec $(BIN)/zhijian serve --demo

test: setup ## set up, then run every test (Rust, web, Python, real browser)
	$(say) "Rust tests"
	cargo test --workspace --locked --quiet
	$(say) "web client tests"
	cd web_client && npm run --silent test
	$(say) "browser tests; beside them, at low priority, all other Python tests"
	@mkdir -p build; \
	nice -n 10 $(BIN)/pytest -p no:cacheprovider --ignore tests/e2e > build/other-tests.log 2>&1 & \
	$(BIN)/pytest tests/e2e && browser=0 || browser=$$?; \
	wait $$! && other=0 || other=$$?; \
	cat build/other-tests.log; \
	[ $$browser = 0 ] && [ $$other = 0 ]

check: setup ## lint, types, import rules, generated files and repository self-checks
	$(say) "ruff"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(say) "mypy --strict"
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest streaming._relay
	$(say) "import rules"
	$(BIN)/lint-imports
	$(say) "rustfmt and clippy"
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	$(say) "eslint and vue-tsc"
	cd web_client && npm run --silent lint && npm run --silent types
	$(say) "generated API client"
	@mkdir -p build
	$(BIN)/python -m lecture_api.composition.openapi > build/openapi.json
	cd web_client && npm run --silent generate-api -- --check
	$(say) "repository self-checks"
	$(BIN)/pytest -q tests/unit/repository

e2e: setup ## only the browser journeys
	$(BIN)/pytest tests/e2e

screenshots: e2e ## the journeys leave their pictures in build/screenshots/

bench: setup ## measure the relay against "the loop" (docs/performance.md); writes build/bench/relay.json
	cargo build --release --locked -p relay_swarm
	$(BIN)/python -m tests.bench.relay_bench

networks: setup ## measure what Chromium sees over lossy, slow and blocked networks; writes build/bench/networks.json
	$(BIN)/python -m tests.bench.network_sweep

SOAK_MINUTES ?= 30
soak: setup ## let viewers come, go and be killed for SOAK_MINUTES; fails when anything of the server grows
	cargo build --release --locked -p relay_swarm
	$(BIN)/python -m tests.bench.soak --minutes $(SOAK_MINUTES)

api-client: setup ## write the TypeScript client anew from the OpenAPI document
	@mkdir -p build
	$(BIN)/python -m lecture_api.composition.openapi > build/openapi.json
	cd web_client && npm run --silent generate-api

format: setup ## format everything
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	cargo fmt --all
	cd web_client && npm run --silent lint -- --fix

lock: $(BIN)/uv ## write the lock files anew, naming public hosts only
	env -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_DEFAULT_INDEX -u UV_FIND_LINKS $(BIN)/uv lock --no-config
	cargo update --workspace
	cd web_client && npm install --package-lock-only && npm ci

setup: $(STAMPS)/python-dev streaming/_relay.abi3.so web_client/dist/index.html

preflight:
	@.ci/preflight

clean: ## remove everything built (never data/)
	rm -rf .venv build target .cache web_client/node_modules web_client/dist streaming/_relay.abi3.so

$(BIN)/uv: | preflight
	$(say) "Python environment (.venv, uv $(UV_VERSION))"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv==$(UV_VERSION)

$(STAMPS)/python: pyproject.toml uv.lock | $(BIN)/uv
	$(say) "Python packages (locked)"
	$(BIN)/uv sync --frozen --inexact --no-default-groups --group build --no-install-project
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python-dev: pyproject.toml uv.lock | $(STAMPS)/python
	$(say) "Python packages for tests (locked)"
	$(BIN)/uv sync --frozen --inexact --group build --no-install-project
	@mkdir -p $(STAMPS) && touch $@

streaming/_relay.abi3.so: pyproject.toml $(RUST_SOURCES) | $(STAMPS)/python
	$(say) "the relay engine (Rust, release mode; a minute or two the first time)"
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --release --locked --uv
	@touch $@

web_client/node_modules/.package-lock.json: web_client/package.json web_client/package-lock.json | preflight
	$(say) "web packages (locked)"
	cd web_client && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web_client/dist/index.html: web_client/node_modules/.package-lock.json $(WEB_SOURCES)
	$(say) "the web client"
	cd web_client && npm run --silent build
	@touch $@

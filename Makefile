# zkhost: `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/stamps
# Compiled for guests and, for their tests, for the host.
GUEST_CRATES := -p zkhost-guest -p zkhost-nn
SHIM_SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust-shim guest-methods -name target -prune -o -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.sh' -o -name '*.ld' \) -print 2>/dev/null; find templates -type f | tr ' ' '?')

# Runs a step: says what it does, and how long it took.
step = tools/step.sh $(1)

##@ For newcomers
.PHONY: help demo test test-all
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: setup ## Set up, then prove the hello-world, the SHA-256 of a file, and a model's inference, for real
	@$(call step,"hello-world: prove that 391 has two factors") $(BIN)/python examples/hello_world.py
	$(call step,"real input: prove the SHA-256 of LICENSE") bash -c '$(BIN)/python examples/hash_file.py < LICENSE'
	$(call step,"a model: prove which digit an int8 CNN sees") $(BIN)/python examples/classify_digit.py

test: setup r0vm lint types test-python test-rust test-prove demo ## What CI checks: all but what is marked slow
	@echo "all checks passed"

test-all: test test-slow ## And what is marked slow

##@ Set-up
.PHONY: setup system r0vm
setup: system $(STAMPS)/shim ## Everything `zkhost` needs to run here: packages, .venv, the native library, the bundled guests

system: ## System packages (installs them where it may, else names them)
	@tools/system-packages.sh

$(STAMPS)/python: requirements-dev.txt
	@$(PYTHON) -m venv .venv
	mkdir -p $(STAMPS)
	$(call step,"python packages") $(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

$(STAMPS)/recursion: | $(STAMPS)/python
	@tools/recursion.sh
	touch $@

$(STAMPS)/shim: $(SHIM_SOURCES) $(STAMPS)/python | $(STAMPS)/recursion
	@$(call step,"native library (first build: some minutes on 2 cores; about a minute after that)") tools/shim.sh
	touch $@

r0vm: $(STAMPS)/r0vm ## risc0's r0vm server, put where zkhost finds it
$(STAMPS)/r0vm: Cargo.lock $(shell find rust-shim/r0vm rust-shim/kernels -name '*.rs' -o -name Cargo.toml) | $(STAMPS)/shim
	@$(call step,"r0vm") tools/r0vm.sh
	touch $@

##@ Checks, one by one
.PHONY: lint types test-rust test-aarch64 test-python test-prove asan browser format bench
lint: setup ## ruff, rustfmt, clippy
	@$(call step,"ruff") bash -c '$(BIN)/ruff check . && $(BIN)/ruff format --check .'
	$(call step,"rustfmt") bash -c 'rustfmt --check --edition 2021 --config-path guest-methods zkhost/contract/from_rust/check/runtime/src/lib.rs && rustfmt --check --edition 2021 rust-shim/zkp/*.rs && cargo fmt --all --check && cd guest-methods && cargo fmt --all --check'
	$(call step,"clippy") bash -c '. tools/env.sh && cargo clippy --release --locked --workspace --all-targets -- -D warnings'
	$(call step,"clippy of the library without the prover") bash -c '. tools/env.sh && cargo clippy --release --locked -p zkhost-shim --no-default-features --lib -- -D warnings'
	$(call step,"clippy of the guest crates") bash -c '. tools/env.sh && CARGO_TARGET_DIR=$$ZKHOST_CACHE/build/guest-host cargo clippy --locked --manifest-path guest-methods/Cargo.toml $(GUEST_CRATES) --all-targets -- -D warnings'

types: setup ## mypy --strict
	@$(call step,"mypy") $(BIN)/mypy zkhost tests examples tools

test-rust: setup ## Rust unit tests
	@$(call step,"cargo test") bash -c '. tools/env.sh && cargo test --release --locked -p zkhost-shim -p zkhost-guest-build -p zkhost-guest-profile -p zkhost-serde-oracle -p zkhost-kernels -- --quiet'
	$(call step,"cargo test of the guest crates") bash -c '. tools/env.sh && CARGO_TARGET_DIR=$$ZKHOST_CACHE/build/guest-host cargo test --locked --manifest-path guest-methods/Cargo.toml $(GUEST_CRATES) -- --quiet'

test-aarch64: system ## The vector prover's tests with NEON, cross-compiled and under qemu-user (on Debian; the first time some minutes)
	@$(call step,"cargo test for aarch64") bash -euc '. tools/aarch64.sh; cargo test --release --locked --target $$aarch64_target -p zkhost-kernels -- --quiet'

# Each test bears the marks that say what it takes, and the targets choose by them alone.
test-python: setup r0vm ## Python tests without a mark: units, properties, the fuzzer's corpus, every prover's conformance
	@$(call step,"pytest") $(BIN)/pytest -q -m "not prove and not slow"

test-slow: setup r0vm browser ## Python tests marked slow: guest builds, clusters under fault, a browser, other projects' crates as oracles, 100,000 damaged streams
	@tools/system-packages.sh slow
	@$(call step,"pytest with slow tests") $(BIN)/pytest -q -m slow

browser: ## A browser, which the tests of the profile's page look at
	@command -v chromium chromium-browser google-chrome >/dev/null || $(call step,"browser") tools/browser.sh

test-prove: setup r0vm ## Python tests marked prove: real proofs in process, on r0vm, on an r0vm cluster and on Dask
	@$(call step,"pytest with real proofs") $(BIN)/pytest -q -m "prove and not slow"

asan: system $(STAMPS)/python ## Damaged receipts, programs, frames, streams and values under AddressSanitizer (up to 45 minutes; the first time 10 more)
	@$(call step,"AddressSanitizer") tools/asan.sh

format: setup ## Format everything
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	cargo fmt --all
	cd guest-methods && cargo fmt --all

##@ Releases
.PHONY: release release-aarch64 docs-release
release: setup $(STAMPS)/release ## Sdists and wheels of zkhost and zkhost-verify in dist/: checked, and tried in empty environments
	@$(call step,"sdists and wheels for any CPU of this architecture (the first time: as long as a first build)") tools/release/build.sh
	$(call step,"contents and licences and sizes and platforms") $(BIN)/python -m tools.release.check dist
	$(call step,"installed outside the checkout: proofs and verification") env ZKHOST_DIST=dist $(BIN)/pytest -q tests/e2e/test_wheel.py

release-aarch64: setup $(STAMPS)/release ## After it: the wheel of zkhost-verify for aarch64, tried under qemu-user (on Debian)
	@$(call step,"a cross-compiled wheel and its verification") tools/release/aarch64.sh
	$(call step,"contents and licences and sizes and platforms") $(BIN)/python -m tools.release.check dist

docs-release: $(STAMPS)/docs $(STAMPS)/release ## The documentation of this version, committed to the branch gh-pages beside those of others
	@PYTHONPATH=. $(BIN)/python tools/cli_reference.py
	$(call step,"mike") tools/release/docs.sh

$(STAMPS)/release: requirements-release.txt $(STAMPS)/python
	@$(call step,"python packages for releases") $(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-release.txt
	touch $@

##@ Other
.PHONY: docs cuda clean
docs: $(STAMPS)/docs ## The documentation as a site in site/, the reference made from the code
	@PYTHONPATH=. $(BIN)/python tools/cli_reference.py
	$(call step,"mkdocs") env NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	echo "made site/; to look at it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

$(STAMPS)/docs: requirements-docs.txt $(STAMPS)/python
	@$(call step,"python packages for the docs") $(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-docs.txt
	touch $@

cuda: setup ## A wheel that proves on an NVIDIA GPU: dist/cuda/zkhost-*.whl; needs no GPU to build (the first time: half an hour and more)
	@$(call step,"wheel with CUDA") tools/cuda.sh

clean: ## Remove what was made inside the checkout (the caches outside stay)
	@rm -rf .venv dist site THIRD-PARTY.txt zkhost/_native zkhost/_data zkhost/methods/data .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

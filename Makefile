# SPDX-License-Identifier: MIT OR Apache-2.0
# Everything a person does with this project, one word each. `make` alone lists the words.
# What a fresh machine lacks is installed by tools/install-needs, and only that.

SHELL := /bin/bash
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)
DASHCART := $(TARGET)/release/dashcart
# Photos for `make model` and `make bench`: a folder that holds grocery-store-dataset/.
DATA ?= ../shared/data
PHOTOS := $(DATA)/grocery-store-dataset
VENV := models/train/work/venv
TRAIN = $(VENV)/bin/python models/train/train.py --data $(DATA) --threads 1 --loaders 1
BOTH = $(VENV)/bin/python models/train/both.py --data $(DATA) --threads 1 --loaders 1 --begin models/train/work/again/dashcart.tflite \
	--renders $(TARGET)/renders-again $(TARGET)/crops-again
RENDER = $(TARGET)/release/examples/render
# Trips that `make bench` simulates for each range.
TRIPS ?= 20
# Options for `make run`, for example: make run ARGS="--language en"
ARGS ?=
# .cargo/config.toml names the LiteRT library of x86_64; a build on another machine (a Pi itself) takes its own.
ifneq ($(shell uname -m),x86_64)
export LITERT_LIB_DIR ?= $(CURDIR)/vendor/litert/$(shell uname -m)
endif

.PHONY: help run build test check model halves galleries bench cross needs

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

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

# What PyTorch frees is kept for its next step: given back to the system each time, half of a training's time goes into page faults.
model halves: export MALLOC_MMAP_THRESHOLD_ := 4294967296
model halves: export MALLOC_TRIM_THRESHOLD_ := 17179869184
model halves: export MALLOC_TOP_PAD_ := 268435456

model: build ## Train the recognition model on the photos (four hours on one core), measure it, and make its galleries
	@tools/install-needs model
	test -x $(VENV)/bin/pip || python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement models/train/requirements.txt
	cargo build --release $(CARGO_FLAGS) --example render
	$(RENDER) --out $(TARGET)/renders-train --each 20 --size 256 --seed 11
	$(RENDER) --out $(TARGET)/crops-train --each 14 --size 256 --seed 2 --photos $(PHOTOS) --split train
	$(TRAIN) --renders $(TARGET)/renders-train $(TARGET)/crops-train --seed 1 --minutes 97 \
		--work models/train/work/full --out models/train/work/full/dashcart.tflite
	$(RENDER) --out $(TARGET)/renders-again --each 24 --size 256 --seed 21
	$(RENDER) --out $(TARGET)/crops-again --each 24 --size 256 --seed 12 --photos $(PHOTOS) --split train
	$(TRAIN) --begin models/train/work/full/train-done.pt --renders $(TARGET)/renders-again $(TARGET)/crops-again --seed 3 \
		--minutes 62 --rate 2.5e-4 --early-side 224 --work models/train/work/again --out models/train/work/again/dashcart.tflite
	$(BOTH) --minutes 16 --seed 1
	$(BOTH) --minutes 27 --seed 40 --rate 2.2e-4 --students models/train/work/both/student.pt --last val --out models/dashcart.tflite
	$(MAKE) galleries halves

halves: build ## Make the two files that are measured in the model's place: their last layers have not seen half of the validation photos each
	mkdir -p models/halves
	for half in 0 1; do \
		$(BOTH) --minutes 0 --seed 40 --students models/train/work/both/student.pt --last val --but-part $$half --out models/halves/$$half.tflite && \
		$(DASHCART) enrol --dataset $(PHOTOS) --split train --vectors models/halves/class-vectors.bin --model models/halves/$$half.tflite --gallery models/halves/$$half.bin && \
		cp models/train/work/both/part-$$half.txt models/halves/$$half.txt || exit; done
	rm models/halves/class-vectors.bin

galleries: build ## Make the galleries of the photos' classes and of our own shelf again, for the model that is there
	$(DASHCART) enrol --dataset $(PHOTOS) --split train --vectors models/class-vectors.bin --gallery models/gallery-grocery.bin
	cargo build --release $(CARGO_FLAGS) --example render
	$(RENDER) --out $(TARGET)/renders --each 25 --size 256 --seed 1
	$(DASHCART) enrol --photos $(TARGET)/renders --vectors models/class-vectors.bin --gallery models/gallery-shelf.bin

bench: build ## Measure recognition and whole simulated trips, as recorded in benches/RESULTS.md
	for half in 0 1; do \
		set -- --split $(CURDIR)/models/halves/$$half --model models/halves/$$half.tflite --gallery models/halves/$$half.bin --json && \
		$(DASHCART) eval --dataset $(PHOTOS) "$$@" && $(DASHCART) simulate --trips $(TRIPS) --seed 3301 --photos $(PHOTOS) "$$@" || exit; done
	$(DASHCART) simulate --trips $(TRIPS) --seed 1 --json

cross: build ## Build the cart's aarch64 binary, and play a trip with it under an emulated Cortex-A72
	@tools/install-needs cross
	cross/build
	cross/play

needs:
	@tools/install-needs build

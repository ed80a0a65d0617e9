# Two commands matter: `make demo` and `make test`. Both do all their set-up.
.PHONY: demo demo-down test test-all fuzz simulate campaign bench build release setup format

STATIC := $(if $(filter Linux,$(shell uname -s)),--static-swift-stdlib)

demo: ; @scripts/demo
demo-down: ; @scripts/demo-down
test: ; @scripts/test
test-all: ; @THOROUGH=1 scripts/test
fuzz: ; @scripts/fuzz
simulate: release ; @scripts/simulate
campaign: build ; @python3 -m Tests.EndToEnd.campaign
bench: ; @scripts/bench

setup: ; @scripts/setup
build: setup ; swift build
# One program without libraries of Swift's beside it: it starts in half the time, and runs where there is no Swift.
release: setup ; swift build -c release --product clusterctl $(STATIC)
format: ; swift format --in-place --recursive Sources Tests Package.swift

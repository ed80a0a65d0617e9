# Two commands matter: `make demo` and `make test`. Both do all their set-up.
.PHONY: demo demo-down test bench build release setup format

demo: ; @scripts/demo
demo-down: ; @scripts/demo-down
test: ; @scripts/test
bench: ; @scripts/bench

setup: ; @scripts/setup
build: setup ; swift build
release: setup ; swift build -c release --product clusterctl
format: ; swift format --in-place --recursive Sources Tests Package.swift

# Everything a contributor runs. Each target installs what it lacks, see .ci/tools.
#
#   make demo         a real database, sample patients, and Velum in front of it
#                     (DEMO="--once" or any other options of `velum demo`)
#   make test         what CI runs: format, lints, every test, every driver, both data planes
#   make conformance  PostgreSQL's own regression suite and psycopg2's, through Velum
#   make bench        criterion rows, and the whole path beside PgBouncer and a direct connection
#   make leak-suite   what a gateway must hold back, asked of Velum by frames and three drivers, and
#                     of PgBouncer for contrast
#   make fuzz         every fuzz target for FUZZ_SECONDS (default 60)
#   make generative   random statements over canaries, GENERATED of them (default 50000)
#   make soak         a mixed load for SOAK_SECONDS (default 600), memory and descriptors watched
#   make crash        kill -9 of the gateway under load, KILLS of them (default 1000)
#   make waiting      WAITING connections (default 8000) that wait for a decision, beside DECISIONS
#                     (default 1000) a minute
#   make lint         format, clippy, cargo-deny
#   make doc          the API documentation, warnings are errors

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600
KILLS ?= 1000
WAITING ?= 8000
DECISIONS ?= 1000
GENERATED ?= 50000
export CARGO_TERM_COLOR ?= auto
# Where rustup puts cargo, for a shell that has not heard of it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help demo test conformance leak-suite bench fuzz generative soak crash waiting lint doc

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '3,17p'

demo:
	.ci/tools compiler
	$(CARGO) run --release --locked --bin velum -- demo $(DEMO)

test:
	.ci/tools compiler drivers services capture
	$(CARGO) fmt --all --check
	$(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	$(CARGO) clippy --workspace --all-targets --locked -q -- -D warnings
	$(CARGO) test --workspace --locked --no-fail-fast

conformance:
	.ci/tools compiler conformance
	$(CARGO) build --release --locked --bin velum
	.ci/conformance

leak-suite:
	.ci/tools compiler drivers pooler
	LEAK_SUITE=show $(CARGO) test --locked -p velum-proxy --test leak_suite -- --nocapture

bench:
	.ci/tools compiler bench
	$(CARGO) build --release --locked --bin velum
	$(CARGO) bench --locked -p velum-benches

fuzz:
	.ci/tools compiler
	FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/run

generative:
	.ci/tools compiler
	VELUM_GENERATED=$(GENERATED) VELUM_SEED=$${VELUM_SEED:-fresh} \
		$(CARGO) test --locked -p velum-proxy --test generative -- --nocapture

soak:
	.ci/tools compiler drivers
	SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --release --locked -p velum-proxy --test soak -- --nocapture

crash:
	.ci/tools compiler
	VELUM_KILLS=$(KILLS) $(CARGO) test --locked -p velum-proxy --test crash -- --nocapture

waiting:
	.ci/tools compiler
	VELUM_WAITING=$(WAITING) VELUM_DECISIONS=$(DECISIONS) \
		$(CARGO) test --locked -p velum-proxy --test waiting -- --nocapture

lint:
	.ci/tools compiler
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny@0.20.2
	$(CARGO) deny --config .deny.toml check bans licenses sources

doc:
	.ci/tools compiler
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

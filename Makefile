SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

bin := .venv/bin
compose := $(bin)/docker-compose

# What the tests need beside Python: real DICOM peers and readers, a syslog server, validators, a
# database server, fault injection, a container engine of their own, and promtool.
packages := dcmtk dcm2niix dicom3tools libgdcm-tools orthanc orthanc-dicomweb postgresql strace \
	rsyslog rsyslog-gnutls libxml2-utils prometheus \
	docker.io debootstrap eatmydata iptables iproute2 ca-certificates openssl

# Where every line and branch is tested: what decides what a map is and where it lies.
exact := src/mumap_node/imaging/*,src/mumap_node/dicom/*,src/mumap_node/pipeline.py

.PHONY: help
help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: demo
demo: .venv/.runtime  ## start a node, play camera and workstation, show the map
	@$(bin)/mumap-node demo --output demo-output

.PHONY: test
test: check system  ## everything CI runs
	$(bin)/pytest --cov --cov-report=term:skip-covered
	@report=$$($(bin)/coverage report --include='$(exact)' --skip-covered --show-missing \
		--fail-under=100) || { echo "$$report"; echo 'every line and branch of these is to be tested'; exit 1; }

.PHONY: test-peers
test-peers: .venv/.dev system  ## only the tests with DICOM software of others, which `test` runs too
	$(bin)/pytest -m peers

.PHONY: test-ops
test-ops: .venv/.dev system  ## only backup, restore, upgrade and rollback, which `test` runs too
	$(bin)/pytest -m ops

.PHONY: docs
docs: .venv/.dev  ## the tables of the documents, made anew from the code
	$(bin)/python docs/conformance_tables.py

.PHONY: check
check: .venv/.dev  ## formatting, types, import contracts, spelling, scripts, container files
	$(bin)/ruff format --check
	$(bin)/ruff check
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/codespell
	scripts/check-files
	$(bin)/shellcheck .ci/run scripts/*
	$(bin)/hadolint Dockerfile deploy/orthanc/Dockerfile
	$(compose) config --quiet
	$(compose) --file docker-compose.yml --file deploy/compose.gpu.yml config --quiet
	$(compose) --file docker-compose.yml --file deploy/compose.tls.yml config --quiet
	$(compose) --file docker-compose.yml --file deploy/compose.demo.yml config --quiet

.PHONY: setup
setup: .venv/.dev  ## the virtual environment for developers

.PHONY: system
system:  ## the Debian packages the tests need
	@scripts/system-packages $(packages)

.PHONY: requirements
requirements: .venv/.dev  ## write requirements/*.txt anew from pyproject.toml
	scripts/lock

.PHONY: clean
clean:  ## remove the virtual environment and what tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* demo-output

# Stamps: a warm run installs nothing. Whoever has the developers' environment has the runtime.
.venv/.dev: requirements/dev.txt requirements/torch.txt pyproject.toml scripts/setup
	@scripts/setup dev
	@touch .venv/.dev .venv/.runtime

.venv/.runtime: requirements/cpu.txt requirements/build.txt pyproject.toml scripts/setup
	@scripts/setup runtime
	@touch .venv/.runtime

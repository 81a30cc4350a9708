.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

PYTHON ?= python3
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)

done := build/done
parallel := --dist=loadfile --no-loadscope-reorder --numprocesses
# deployments wait more than they compute
workers := $(shell $(PYTHON) -c 'import os; print(3 * (os.cpu_count() or 2) // 2)')
slow := rehearsal acceptance examples docker packages
quick := test $(slow:%=--ignore=test/%)
typescript := $(shell find src -name '*.ts')
image_builder := $(shell find src -name '*.py')
say = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

.PHONY: help demo unit rehearsal test acceptance bench test-minimum-cdk lint generated check-packages pytest compile bindings packages synth recordings clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(done)/packages ## from a directory to a running agent, in every mode, on this machine
	$(call say,demo)
	@python -m tools.demo

unit: $(done)/bindings ## the quick tests of the construct and the deploy-time code; ARGS="-k name" picks some
	$(call say,unit tests)
	pytest $(parallel) auto --hypothesis-profile=quick $(quick) $(ARGS)

rehearsal: $(done)/bindings ## the deployments to the emulated account; ARGS="-k name" picks some
	$(call say,rehearsal)
	pytest $(parallel) $(workers) test/rehearsal test/acceptance $(ARGS)

test: lint generated pytest ## everything that CI runs

lint: $(done)/bindings ## ruff, mypy and eslint
	$(call say,lint)
	ruff check .
	ruff format --check .
	mypy
	NODE_NO_WARNINGS=1 ESLINT_USE_FLAT_CONFIG=false eslint --max-warnings 0 --ext .ts src/arm64_agent_image

generated: $(done)/compile ## fails when a generated file is stale
	$(call say,generated files)
	python -m tools.check_generated

pytest: $(done)/bindings $(done)/packages $(done)/checkov ## all Python tests; ARGS="-k name" picks some
	$(call say,tests)
	pytest $(parallel) $(workers) $(ARGS)

acceptance: $(done)/bindings ## the scenarios on AWS (ACCEPTANCE_ACCOUNT=<account id>), else emulated; ARGS="-k name" picks some
	$(call say,acceptance)
	@python -m test.acceptance $(ARGS)

test-minimum-cdk: $(done)/python ## the tests, on the oldest aws-cdk-lib that is supported
	$(call say,tests on the minimum CDK)
	@python -m tools.minimum_cdk

bench: $(done)/bindings $(done)/bench ## measurements beside the peers, to build/bench; ARGS="synthesis --quick" picks
	$(call say,bench)
	@PYTHONPATH=build/bindings/python/src:src/arm64_agent_image python -m bench $(ARGS)
	@build/bench/plot/bin/python -m bench.plot build/bench/results.json build/bench/results.png

compile: $(done)/compile ## TypeScript to lib/
bindings: $(done)/bindings ## Python package for the tests, build/bindings
packages: $(done)/packages ## wheel and npm tarball, dist/

synth: $(done)/compile ## regenerate package.json, workflows, API.md and the pictures
	python .projenrc.py
	projen docgen
	python -m tools.pictures

recordings: $(done)/bindings ## record the deployments in README's pictures again
	python -m test.rehearsal.recording
	python -m tools.pictures

clean: ## remove everything that make made
	rm -rf .venv node_modules build dist lib .jsii

$(done)/python: requirements-dev.txt
	$(call say,python packages)
	$(PYTHON) -m venv .venv
	pip install -qq --requirement requirements-dev.txt
	@mkdir -p $(@D) && touch $@

$(done)/checkov: requirements-checkov.txt
	$(call say,checkov)
	$(PYTHON) -m venv build/checkov
	build/checkov/bin/pip install -qq --disable-pip-version-check --requirement requirements-checkov.txt
	@mkdir -p $(@D) && touch $@

$(done)/bench: requirements-bench.txt
	$(call say,matplotlib)
	$(PYTHON) -m venv build/bench/plot
	build/bench/plot/bin/pip install -qq --disable-pip-version-check --requirement requirements-bench.txt
	@mkdir -p $(@D) && touch $@

$(done)/node: package.json package-lock.json
	$(call say,npm packages)
	npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

$(done)/compile: $(done)/python $(done)/node $(typescript) $(image_builder) README.md
	$(call say,compile)
	projen compile
	@touch $@

$(done)/bindings: $(done)/compile
	$(call say,python bindings)
	rm -rf build/bindings
	jsii-pacmak --target python --code-only --no-npmignore --outdir build/bindings
	@touch $@

$(done)/packages: $(done)/compile
	$(call say,wheel and npm tarball)
	rm -rf dist/python dist/js
	projen package-all
	@touch $@

# One line per target: `make`. Variables:
#   CLUSTER=name              the node on this machine to work on (default: run)
#   NODES=2                   how many nodes it has: more than one is for trying out what happens between them
#   CONTEXT=c REGISTRY=r      use the existing cluster of kube context c and push images to registry r instead
#   PORT=8000                 where `make run` and `make lab` listen on 127.0.0.1
#   PYTHON=python3            a Python of 3.11 or later
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CLUSTER ?= run
PORT ?= 8000
export CLUSTER NODES CONTEXT REGISTRY PORT

# The Python of an environment: made on first use, found at once after that.
tools = "$$(dev/python-env tools)/bin/python"
supply_python = "$$(dev/python-env supply)/bin/python"
lab_python = "$$(dev/python-env lab)/bin/python"
devenv = "$$(dev/python-env dev)/bin

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run stop lab
run: ## start the whole platform on this machine and print how to sign in
	@python=$(tools); exec "$$python" -m dev.run up

stop: ## stop the platform; notebooks and settings stay
	@python=$(tools); exec "$$python" -m dev.run down

lab: ## laptop mode: JupyterLab with notebooks on a local S3 server and local Spark, no Kubernetes
	@python=$(lab_python); exec "$$python" -m dev.lab

.PHONY: cluster-up cluster-down cluster-delete cluster-status images
cluster-up: ## start the Kubernetes node CLUSTER (or check CONTEXT)
	@python=$(tools); exec "$$python" -m dev.run cluster-up

cluster-down: ## stop the node CLUSTER; its data stays
	@python=$(tools); exec "$$python" -m dev.run cluster-down

cluster-delete: ## stop the node CLUSTER and delete its data, notebooks included
	@python=$(tools); exec "$$python" -m dev.run cluster-delete

cluster-status: ## show the node CLUSTER: state, addresses, components
	@python=$(tools); exec "$$python" -m dev.run cluster-status

images: ## build the images and push them to the node's registry (or REGISTRY)
	@python=$(tools); exec "$$python" -m dev.run images

.PHONY: sbom licences audit
sbom: ## write what is in each image into .sbom/ (CycloneDX)
	@python=$(supply_python); exec "$$python" -m dev.supply sbom

licences: ## write docs/security/licences.md, and fail on licences that are not allowed
	@python=$(supply_python); exec "$$python" -m dev.supply licences

audit: ## ask the registries what is known against the packages of the images
	@python=$(supply_python); exec "$$python" -m dev.supply audit

.PHONY: test test-unit test-integration test-e2e test-long soak lint
test: ## lint, the tests of every change, and what was skipped
	@dev/test all

test-unit: ## tests without any service (seconds)
	@dev/test unit

test-integration: ## tests with a real S3 server, local Spark, a real node
	@dev/test integration

test-e2e: ## tests of the whole platform in a real browser
	@dev/test e2e

test-long: ## the tests that take their time: outages, second ways, rare faults
	@dev/test long

soak: ## the tests that repeat: random kills by the hundred
	@dev/test soak

lint: ## ruff, mypy, generated files, documentation
	@dev/test lint

.PHONY: bench bench-platform bench-spark bench-batch bench-s3-writes bench-contents bench-security bench-workspaces
bench: ## every benchmark, beside the stock way in the same run
	@dev/test bench

bench-platform: ## start times, click to Lab, image sizes
	@dev/test bench platform

bench-spark: ## get_spark_session beside stock PySpark: waiting, CPU, memory, a long job
	@dev/test bench spark

bench-batch: ## a script as a job beside the same script in the notebook's terminal
	@dev/test bench batch

bench-s3-writes: ## what Spark writes to S3, beside the default committer
	@dev/test bench s3_writes

bench-contents: ## notebooks on S3 beside s3contents, jupyter-fs and a local disk
	@dev/test bench contents

bench-security: ## what the admission policies cost twenty executors
	@dev/test bench security

bench-workspaces: ## how long a start waits for its workspace; keys a second of the token service
	@dev/test bench workspaces

.PHONY: docs format lock
docs: ## build the documentation into .docs/ (warnings are errors)
	@NO_MKDOCS_2_WARNING=1 $(devenv)/mkdocs" build --strict --quiet && echo "open .docs/index.html"

format: ## format the Python code
	@$(devenv)/ruff" format . && $(devenv)/ruff" check --fix .

lock: ## compile requirements/*.in into the hashed lock files again
	@dev/lock

# SEKS for Kubernetes. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

NODE := node_modules/.bin/node
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
CLUSTER_TOOL := $(NODE) test/cluster/main.ts

# npm ci brings Node 24 itself, so the machine needs only some Node >= 20 with npm.
node_modules/.installed: package.json package-lock.json crds/package.json operator/package.json sidecar/package.json cli/package.json
	npm ci --no-audit --no-fund
	@touch $@

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use
.PHONY: demo demo-down
demo: build ## See an agent use a key that it never has, on a real cluster
	$(NODE) test/demo/main.ts
demo-down: node_modules/.installed ## Remove what the demo made
	$(NODE) test/demo/main.ts down

.PHONY: cluster-up cluster-down cluster-status
cluster-up: node_modules/.installed ## Start a Kubernetes for tests (kind where Docker runs, else from packages)
	$(CLUSTER_TOOL) up
cluster-down: node_modules/.installed ## Stop it and unmount everything it mounted
	$(CLUSTER_TOOL) down
cluster-status: node_modules/.installed ## Say what runs and where its kubeconfig is
	$(CLUSTER_TOOL) status

##@ Build
.PHONY: build images generate
build: node_modules/.installed ## Bundle operator, sidecar and kubectl-seks into dist/
	$(NODE) build.ts
images: build ## Build the container images and load them into the test cluster
	$(NODE) test/harness/main.ts images
generate: node_modules/.installed ## Write types, catalogue, chart CRDs and docs/errors.md from their sources
	$(NODE) crds/generate/main.ts

##@ Check
.PHONY: test test-unit test-integration test-e2e lint fmt typecheck check-generated bench
test: build ## Run everything: checks, unit, integration on a real API server, e2e on a real kubelet
	$(NODE) test/run.ts
test-unit: node_modules/.installed ## Run the static checks and the unit tests
	$(NODE) test/run.ts checks unit
test-integration: build ## Run the tests that need a real API server
	$(NODE) test/run.ts integration
test-e2e: build ## Run the tests that need a real kubelet
	$(NODE) test/run.ts e2e
lint: node_modules/.installed ## Lint, with type information
	oxlint --type-aware --deny-warnings
fmt: node_modules/.installed ## Format
	prettier --write --log-level warn .
typecheck: node_modules/.installed ## Check types
	tsc --noEmit -p tsconfig.json
check-generated: node_modules/.installed ## Fail if a generated file is out of date
	$(NODE) crds/generate/main.ts --check
bench: build ## Measure the sidecar beside its peers and a direct connection
	$(NODE) test/bench/main.ts
.PHONY: test-sdk soak newer-sdks
test-sdk: node_modules/.installed ## Run the vendors' SDKs against stub providers, alone and through the sidecar
	$(NODE) test/run.ts sdk
soak: node_modules/.installed ## Run the long tests: a silent stream, a GiB each way, 100,000 requests
	$(NODE) test/soak/main.ts
newer-sdks: node_modules/.installed ## Try the newest SDKs, without changing the pinned ones
	$(NODE) test/sdk/newer.ts

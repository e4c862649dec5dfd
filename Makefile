# Gatehouse. `make` alone prints this list.

GO      ?= go
BINARY  := bin/gatehouse
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help build run test check vet verify schema docs clean

help: ## Print what there is to do
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/gatehouse
	@$(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o $(BINARY) ./cmd/gatehouse

run: build ## Serve on http://localhost:8080 with the demo application on http://localhost:8081
	@tools/install-postgres
	@exec $(BINARY) serve --demo

test: ## Test everything: units, PostgreSQL, the protocol, a real browser
	@tools/install-postgres
	@tools/install-chromium
	@tools/install-node-modules
	$(GO) test -race -timeout 20m ./...

check: vet verify test ## What CI runs

vet: ## Find what the compiler lets pass
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt differs:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...

verify: ## Fail when a generated file is stale
	@$(GO) mod tidy -diff

clean: ## Remove what was built
	@rm -rf bin

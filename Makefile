# Gatehouse. `make` alone prints this list.

GO      ?= go
BINARY  := bin/gatehouse
FUZZTIME ?= 5s
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help build run test fuzz scale check ledger once faults steady upgrade-test cluster-test bench vet verify schema docs vulnerabilities clean

help: ## Print what there is to do
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/gatehouse
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o $(BINARY) ./cmd/gatehouse

run: build ## Serve on http://localhost:8080, with the demo application on http://localhost:8081
	@tools/install-postgres
	@exec $(BINARY) serve --demo

test: ## Test everything: units, PostgreSQL, the protocol, foreign clients, a real browser
	@tools/install-compiler
	@tools/install-postgres
	@tools/install-chromium
	@tools/install-node-modules
	@tools/install-gateways
	@tools/install-haproxy
	$(GO) test -race -timeout 20m ./...
	@# What is held to its time or its cost is held to it without the race detector, and alone.
	$(GO) test -count 1 -run TestSignInsAreNotFelt ./oidc
	$(GO) test -count 1 -run TestOverload ./tools/faults

fuzz: ## Fuzz each parser of what strangers send, five seconds each (FUZZTIME=1m for longer)
	@for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -oh '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | cut -d' ' -f2); do \
			$(GO) test ./$$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s || exit 1; \
		done; \
	done

scale: ## Hold the directory to its times among 1,000,000 users, 10,000 tenants and 3,000,000 memberships
	GATEHOUSE_SCALE=1000000 $(GO) test ./storage/postgres -run TestScale -v -timeout 60m

check: vet verify test ## What CI runs

ledger: ## Try the ledger at full size: ten million entries, a thousand revocations across replicas
	GATEHOUSE_TEST_LEDGER=10000000 $(GO) test ./storage/ledger -run TestSize -v
	GATEHOUSE_TEST_TRIALS=1000 $(GO) test ./oidc -run TestC11_RevokedOnEveryReplica -v | grep -v level=

once: ## Have a hundred compete for each one-time thing fifty times, on three replicas
	GATEHOUSE_TEST_ROUNDS=50 $(GO) test ./oidc ./oidc/authn ./web -run 'TestB2|TestD2|TestE3|TestC17|TestF2|TestJ1|TestK1|TestL1|TestL6|TestCIBA|TestP3|TestI15' -timeout 30m

faults: ## Try every fault at full length: databases, replicas, networks and disks that fail under load (docs/reliability.md)
	@tools/install-postgres
	GATEHOUSE_FAULTS=1 $(GO) test ./tools/faults -count 1 -v -timeout 60m

steady: ## Go on with one load for half an hour: tables of what expires stop growing (GATEHOUSE_STEADY=10m for another time)
	@tools/install-postgres
	$(GO) vet -tags steady ./tools/faults
	$(GO) test -tags steady ./tools/faults -run TestSteadyLoad -count 1 -v -timeout 60m

upgrade-test: ## Run this release beside the one before (PREVIOUS=ref; what was before the last migration), under load, while it migrates
	@tools/install-postgres
	@tools/install-haproxy
	@previous=$${PREVIOUS:-$$(git log -1 --format=%H -- 'migrations/0*.sql')~1}; dir=$$(mktemp -d) && chmod 755 $$dir && trap "git worktree remove --force $$dir/source; rm -rf $$dir" EXIT && \
	git worktree add --quiet --detach $$dir/source $$previous && (cd $$dir/source && $(GO) build -o $$dir/previous ./cmd/gatehouse) && \
	$(GO) vet -tags upgrade ./tools/faults && \
	GATEHOUSE_PREVIOUS=$$dir/previous $(GO) test -tags upgrade ./tools/faults -run TestUpgrade -count 1 -v -timeout 10m

cluster-test: ## Kill the primary of deploy/cluster under load: a standby follows, nothing is lost (half a minute to two)
	@tools/install-cluster
	$(GO) vet -tags cluster ./tools/faults
	$(GO) test -tags cluster ./tools/faults -run TestCluster -count 1 -v -timeout 10m

bench: build ## Measure what each request costs, on a private PostgreSQL (docs/performance.md)
	@tools/install-postgres
	$(GO) run ./tools/bench

vet: ## Find what the compiler lets pass
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt differs: $$unformatted"; exit 1; }
	$(GO) vet ./...

verify: ## Fail when go.mod is not tidy (tests hold the other generated files fresh)
	$(GO) mod tidy -diff

schema: ## Write migrations/schema.sql anew from the migrations
	$(GO) test ./storage/postgres -run TestSchema -update

docs: ## Write the generated pages in docs/ anew
	$(GO) generate ./cmd/internal/config
	$(GO) test ./cmd/gatehouse -run TestReference -update
	$(GO) test ./web/api -run TestPermissionsPage -update

vulnerabilities: ## Ask vuln.go.dev for known attacks on what is built (needs the Internet)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

clean: ## Remove what was built
	@rm -rf bin

# Every target is a verb with a one-line description behind `##`; `make` lists
# them. The tools are pinned in tools/*/go.mod and built into bin/ on first use.

MODULES      := proto libs services e2e
TOOL_MODULES := tools tools/buf tools/golangci tools/ko tools/kubeconform tools/kubescore tools/kustomize
VERSION       = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS       = -X github.com/bellwether-forecast/bellwether/libs/app.Version=$(VERSION)
COMMANDS      = $(patsubst %/,./%,$(wildcard services/cmd/*/ e2e/cmd/*/))
TEST_EVENTS  := .cache/test.json

# Override on the command line, e.g. `make test PKG=./libs/eval/... RACE=`.
PKG          ?= work
RACE         ?= -race
TEST_FLAGS   ?=
TEST_TIMEOUT ?= 10m
TEST_PROCS   ?= 2
BENCH        ?= .
BENCH_COUNT  ?= 1
FUZZTIME     ?= 20s
AGAINST      ?= HEAD~1
DEMO_FLAGS   ?=
OVERLAY      ?= local
REGISTRY     ?= localhost:5055/bellwether
TAG          ?= dev
K8S_FLAGS    ?=
BENCH_PIPE_FLAGS ?=
BENCH_LAG_FLAGS ?=
BENCH_DRIFT_FLAGS ?=
UP_FLAGS     ?=
TABLES_FLAGS ?=
TRAIN_FLAGS  ?=
ALERTS_FLAGS ?=
CHAOS_MINUTES ?= 3
CHAOS_FLAGS  ?=

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# Build and run

.PHONY: build
build: ## Build every command into bin/ (VERSION= sets the version they report)
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(COMMANDS)

.PHONY: engine
engine: ## Unpack the embedded ClickHouse engine into the user's cache folder (once, pinned)
	@go run ./libs/embed/clickhouse/cmd/engine

.PHONY: demo
demo: build engine ## Run the demo: the whole pipeline on replayed demand, with one fault of each kind (DEMO_FLAGS=)
	./bin/bellwether demo $(DEMO_FLAGS)

.PHONY: up
up: build engine ## Run all services with embedded bus and store until interrupted (UP_FLAGS=)
	./bin/bellwether up $(UP_FLAGS)

# Test. The pipeline's own tests come last and alone: they run the services as processes, with times that matter.

.PHONY: test
test: bin/gotestsum bin/testsummary check-cc engine ## Test all modules with the race detector; the last line on stdout is `make test-summary` (PKG= RACE= TEST_FLAGS=)
	@mkdir -p $(dir $(TEST_EVENTS)); : > $(TEST_EVENTS); status=0; \
	run() { bin/gotestsum --format=pkgname --format-hide-empty-pkg --jsonfile=$(TEST_EVENTS).part -- $(RACE) -shuffle=on -p=$(TEST_PROCS) -timeout=$(TEST_TIMEOUT) $(TEST_FLAGS) "$$@" || status=$$?; \
	cat $(TEST_EVENTS).part >> $(TEST_EVENTS); rm $(TEST_EVENTS).part; }; \
	if [ '$(PKG)' = work ]; then run $$(go list work | grep -v '/e2e$$'); run ./e2e; else run $(PKG); fi; \
	bin/testsummary $(TEST_EVENTS); exit $$status

.PHONY: test-summary
test-summary: bin/testsummary ## Count the last run as `tests: passed=N failed=N skipped=N`: leaf tests only, so a test with subtests is not counted but each of them is
	@bin/testsummary $(TEST_EVENTS)

.PHONY: chaos
chaos: build engine ## Run the pipeline under faults for CHAOS_MINUTES and check that nothing is lost, shown twice or put out of order; the last line says what happened (CHAOS_FLAGS=)
	@CHAOS_MINUTES=$(CHAOS_MINUTES) ./bin/chaos $(CHAOS_FLAGS)

.PHONY: test-tools
test-tools: ## Test the project's own helper in tools/ (no part of `make test`)
	GOWORK=off go -C tools test ./...

.PHONY: check-cc
check-cc:
	@test -z '$(RACE)' || command -v "$$(go env CC)" >/dev/null || { echo "the race detector needs a C compiler: install gcc, or run 'make test RACE='" >&2; exit 1; }

.PHONY: bench
bench: ## Run the benchmarks (PKG= BENCH= BENCH_COUNT=)
	go test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(BENCH_COUNT) $(PKG)

.PHONY: bench-tables
bench-tables: engine ## Measure sorting keys, partitions and codecs of the record's tables on real demand (TABLES_FLAGS=)
	@go run ./e2e/cmd/benchtables $(TABLES_FLAGS)
.PHONY: bench-pipe
bench-pipe: build engine ## Measure the pipeline beside the limits of bus and store, in one run (BENCH_PIPE_FLAGS=, e.g. --series=100 --cpuprofile=cpu.out)
	@./bin/benchpipe $(BENCH_PIPE_FLAGS)
.PHONY: bench-m4
bench-m4: ## Accuracy, intervals and speed on M4 Hourly and Weekly and on M3, by the formulas of M4, on one core
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./e2e/cmd/benchm4
	@nice -n 10 ./bin/benchm4

.PHONY: bench-eia
bench-eia: ## Day-ahead forecasts of 27 balancing authorities over a year beside the operators' own, on one core
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./e2e/cmd/bencheia
	@nice -n 10 ./bin/bencheia

.PHONY: bench-peers
bench-peers: ## Accuracy and seconds beside statsforecast and mlforecast, fetched into a virtual environment under .cache
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./e2e/cmd/benchpeers
	@nice -n 10 ./bin/benchpeers

.PHONY: bench-train
bench-train: ## Train and forecast 500 windows of real demand on one core, and extrapolate to 10,000 series (about 10 minutes; TRAIN_FLAGS=)
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./e2e/cmd/benchtrain
	@nice -n 10 ./bin/benchtrain $(TRAIN_FLAGS)

.PHONY: bench-validate
bench-validate: ## Inject faults into hourly demand and measure what the validator finds (about 5 minutes; BELLWETHER_DATA= names the data folder)
	@go run ./e2e/cmd/benchvalidate

.PHONY: bench-alerts
bench-alerts: ## Alert core: named scenarios, random schedules against a specification and Alertmanager, kill -9 on a real bus, load (ALERTS_FLAGS=, e.g. --restarts=50 --random=500)
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./e2e/cmd/benchalerts
	@./bin/benchalerts $(ALERTS_FLAGS)

.PHONY: bench-nab
bench-nab: ## Score the spike and level tests on the Numenta Anomaly Benchmark (BELLWETHER_DATA= names the data folder)
	@go run ./e2e/cmd/benchnab

.PHONY: bench-lag
bench-lag: ## Drive consumers of a real JetStream into each lag state and replay a healthy day (BENCH_LAG_FLAGS=, e.g. --runs=20)
	@go run ./e2e/cmd/benchlag $(BENCH_LAG_FLAGS)

.PHONY: bench-drift
bench-drift: ## Measure false alarms and delays of the drift detectors on real forecasts of hourly demand (BENCH_DRIFT_FLAGS=, e.g. --choose)
	@go run ./e2e/cmd/benchdrift $(BENCH_DRIFT_FLAGS)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME
	@grep -rlE --include='*_test.go' '^func Fuzz' $(MODULES) | xargs -r -n1 dirname | sort -u | while read -r dir; do \
	for target in $$(go test -list '^Fuzz' "./$$dir" | grep '^Fuzz'); do \
	go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "./$$dir" || exit 1; done; done

# Images and Kubernetes: docs/operations.md

.PHONY: images
images: bin/ko ## Build all images with ko and push them to REGISTRY with TAG
	REGISTRY=$(REGISTRY) TAG=$(TAG) VERSION=$(VERSION) deploy/images/build.sh

.PHONY: k8s-deploy
k8s-deploy: ## Deploy OVERLAY to the current cluster: bus and store, then setup, then the services
	deploy/k8s/deploy.sh deploy/k8s/overlays/$(OVERLAY)

.PHONY: k8s-lint
k8s-lint: bin/kustomize bin/kubeconform bin/kube-score .cache/k8s-schemas ## Render every overlay and check it against the schemas, kube-score and our rules
	@go run ./e2e/cmd/k8slint

.PHONY: k8s-test
k8s-test: bin/ko bin/kustomize ## Test Bellwether on the cluster of KUBECONFIG: build, deploy, fail, roll, scale, check (REGISTRY= K8S_FLAGS=)
	@go run ./e2e/cmd/k8stest --registry=$(REGISTRY) $(K8S_FLAGS)

# Check and change the source

.PHONY: check
check: fmt-check generate-check tidy-check modules-check build vet lint test-tools test ## Run everything that .ci/run does

.PHONY: fmt
fmt: bin/golangci-lint bin/buf ## Format Go and protobuf files
	go list -m -f '{{.Dir}}' | xargs bin/golangci-lint fmt tools/testsummary tools/kubeconform/schemas
	bin/buf format -w

.PHONY: fmt-check
fmt-check: bin/golangci-lint bin/buf ## Fail if a file is not formatted, and show the difference
	go list -m -f '{{.Dir}}' | xargs bin/golangci-lint fmt --diff tools/testsummary tools/kubeconform/schemas
	bin/buf format -d --exit-code

.PHONY: vet
vet: ## Run go vet over all modules
	go vet work

.PHONY: lint
lint: bin/golangci-lint bin/buf ## Run golangci-lint over all modules and buf lint over the protobuf files
	bin/buf lint
	go list -m -f '{{.Dir}}/...' | xargs bin/golangci-lint run

.PHONY: generate
generate: bin/buf bin/protoc-gen-go ## Generate proto/gen from the protobuf files
	PATH="$(CURDIR)/bin:$$PATH" bin/buf generate

.PHONY: generate-check
generate-check: bin/buf bin/protoc-gen-go ## Fail if proto/gen is not what `make generate` writes
	@rm -rf .cache/generate; PATH="$(CURDIR)/bin:$$PATH" bin/buf generate -o .cache/generate
	diff -ru proto/gen .cache/generate/proto/gen

.PHONY: breaking-check
breaking-check: bin/buf ## Fail if the protobuf files break readers of AGAINST, a git ref
	bin/buf breaking --against '.git#ref=$(AGAINST)'

.PHONY: tidy
tidy: ## Tidy every go.mod, then bring the modules to one build list
	for m in $(MODULES) $(TOOL_MODULES); do GOWORK=off go -C $$m mod tidy || exit 1; done
	go work sync

.PHONY: tidy-check
tidy-check: ## Fail if a go.mod or go.sum is not tidy; changes nothing
	@status=0; for m in $(MODULES) $(TOOL_MODULES); do GOWORK=off go -C $$m mod tidy -diff || { echo "$$m is not tidy: run 'make tidy'" >&2; status=1; }; done; exit $$status

.PHONY: modules-check
modules-check: ## Build every module outside the workspace, as an image build does
	@status=0; for m in $(MODULES); do echo "go -C $$m build ./..."; GOWORK=off go -C $$m build ./... || status=1; done; exit $$status

.PHONY: clean
clean: ## Remove bin/ and .cache/ (the engine and the Go caches stay)
	rm -rf bin .cache

# Tools: rebuilt when their pins change. testsummary is our own.

bin/protoc-gen-go bin/gotestsum bin/gofumpt bin/testsummary &: tools/go.mod $(wildcard tools/testsummary/*.go)
	GOWORK=off go -C tools build -trimpath -o ../bin/ tool ./testsummary && touch bin/protoc-gen-go bin/gotestsum bin/gofumpt bin/testsummary

bin/buf: tools/buf/go.mod
	GOWORK=off go -C tools/buf build -trimpath -o ../../bin/ tool && touch $@

bin/golangci-lint: tools/golangci/go.mod
	GOWORK=off go -C tools/golangci build -trimpath -o ../../bin/ tool && touch $@

bin/kustomize: tools/kustomize/go.mod
	GOWORK=off go -C tools/kustomize build -trimpath -o ../../bin/ tool && touch $@

bin/kubeconform: tools/kubeconform/go.mod
	GOWORK=off go -C tools/kubeconform build -trimpath -o ../../bin/ tool && touch $@

bin/kube-score: tools/kubescore/go.mod
	GOWORK=off go -C tools/kubescore build -trimpath -o ../../bin/ tool && touch $@

bin/ko bin/crane &: tools/ko/go.mod
	GOWORK=off go -C tools/ko build -trimpath -o ../../bin/ tool && touch bin/ko bin/crane

# Derived from modules, so that no web site is needed.
.cache/k8s-schemas: tools/kubeconform/go.mod $(wildcard tools/kubeconform/schemas/*.go)
	GOWORK=off go -C tools/kubeconform run ./schemas ../../.cache/k8s-schemas && touch $@

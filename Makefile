# The two commands of the README are `make serve` and `make test`; both build .venv first.
PYTHON ?= python3
DATA ?= data
HOST ?= 127.0.0.1
PORT ?= 8080
STAMP := .venv/.callrec-runtime
DEV_STAMP := .venv/.callrec-dev

.PHONY: setup setup-dev serve test check format lock

setup: $(STAMP)
setup-dev: $(DEV_STAMP)

.venv/bin/uv: requirements/bootstrap.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	touch $@

# Compiled here once: where PYTHONDONTWRITEBYTECODE is set, as often in containers, each process would do it again.
# A development environment holds everything of the runtime one, so `make serve` never shrinks it.
$(STAMP): .venv/bin/uv requirements/runtime.txt requirements/dev.txt pyproject.toml
	@if [ -e $(DEV_STAMP) ]; then $(MAKE) --no-print-directory $(DEV_STAMP); else \
	.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements/runtime.txt && \
	.venv/bin/uv pip install --quiet --no-deps --no-build-isolation -e . ; fi
	touch $@

$(DEV_STAMP): .venv/bin/uv requirements/dev.txt pyproject.toml
	.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements/dev.txt
	.venv/bin/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@ $(STAMP)

serve: setup
	.venv/bin/callrec serve --data $(DATA) --host $(HOST) --port $(PORT)

test: setup-dev
	scripts/install-test-browser
	scripts/install-test-services
	scripts/test

check: setup-dev
	scripts/check

format: setup-dev
	.venv/bin/ruff check --fix src tests benchmarks
	.venv/bin/ruff format src tests benchmarks

lock: .venv/bin/uv
	scripts/lock

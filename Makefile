# The book and its library. `make` alone lists what can be done.
# Needs: make, git, Python >= 3.11. scripts/install.py uses uv if it is there or pip can fetch it, else pip.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
SITE := _build/html
LOCKING := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout 240

# `make check` leaves to `make test` what needs a site, a browser, a compiler, an index, a class, or processes to kill.
NOT_CHECKED := book browser page classroom test_bundle.py test_wheel.py test_torchrun.py test_parallel.py test_kills.py \
  test_gpu_benchmark.py
CHECKED := tests $(NOT_CHECKED:%=--ignore=tests/%) \
  --deselect tests/networks/test_prepare.py::test_a_compiled_network_has_the_same_answers_and_gradients \
  --deselect tests/sweep/test_table.py::test_a_killed_sweep_loses_at_most_the_running_chunk \
  --deselect tests/cli/test_stops.py::test_a_process_that_is_asked_to_stop_saves_and_says_how_to_go_on \
  --deselect tests/cli/test_folder.py::test_a_second_run_in_the_folder_is_refused_until_the_first_has_ended_or_was_killed
# What depends on the processor's instructions: the precision that is chosen, its names, and numbers of image networks.
OF_INSTRUCTIONS := networks/test_prepare.py recipes/test_speed.py recipes/test_catalogue.py test_host.py \
  evaluation/test_features.py

# The oldest PyTorch that pyproject.toml allows, and the tests that must pass with it.
FLOOR := .venv-floor
AT_FLOOR := 'torch==2.4.*' 'torchvision==0.19.*' 'numpy<2.3' pytest pytest-xdist scikit-learn pot pyyaml packaging
FLOOR_TESTS := test_losses.py test_penalties.py test_objectives.py test_optimizers.py training test_unrolled.py \
  test_conditional_training.py test_checkpoints.py test_share.py networks data evaluation recipes/test_game.py \
  recipes/test_stored.py recipes/test_seeding.py recipes/test_steering.py recipes/test_conditions.py \
  recipes/test_record.py

# Jupyter does not start for a user without a home folder, as in a container that runs under a number.
ifeq ($(HOME),)
export HOME := $(CURDIR)/_build/home
$(info HOME is not set: settings and caches go to _build/home; to choose another folder, set HOME.)
endif

# One thread for each process: tiny networks are slower with several, and results repeat exactly.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help book check test avx2 floor lab serve notebooks kept pdf lock clean
.DEFAULT_GOAL := help

help:
	@echo "make book       install everything into .venv and build the site into $(SITE)"
	@echo "make check      run what is done in 3 minutes on two cores: style, format, types, spelling, the library's own tests"
	@echo "make test       run every test: those of make check, processes, grading, site, browser, notebooks"
	@echo "make avx2       run the tests that depend on the processor's instructions, as if it had AVX2 only"
	@echo "make lab        open the chapters in JupyterLab"
	@echo "make serve      serve the built site on http://localhost:$(PORT) (PORT=...)"
	@echo "make notebooks  execute the notebooks that changed, and store them"
	@echo "make kept       make anew what the book keeps of compiled programs and recordings, where it has changed"
	@echo "make pdf        print the built site as one PDF, _build/gan-tutor.pdf (needs Chromium)"
	@echo "make lock       write the locks of the environment anew from pyproject.toml (needs uv)"
	@echo "make floor      run the library's core tests with the oldest PyTorch allowed, in $(FLOOR) (before a release)"
	@echo "make clean      remove the built site and caches (keeps .venv)"

# What a reader needs and what the tests need besides are two locks; the second holds all of the first.
$(STAMP): requirements.lock pyproject.toml
	@"$(PYTHON)" scripts/install.py $(VENV) requirements.lock
	@touch $(STAMP)

$(TEST_STAMP): requirements-test.lock pyproject.toml
	@"$(PYTHON)" scripts/install.py $(VENV) requirements-test.lock
	@touch $(STAMP) $(TEST_STAMP)

# Versions that a lock names already stay; delete the line, or the file, to get newer ones.
lock:
	$(LOCKING) pyproject.toml --all-extras -o requirements-test.lock
	$(LOCKING) pyproject.toml --extra lab --extra page --extra classroom --extra book \
	  -c requirements-test.lock -o requirements.lock
	$(LOCKING) --group install -o requirements-uv.lock

book: $(STAMP)
	$(VENV)/bin/jupyter-book build -W -n --keep-going --all .
	@echo
	@echo "The book is built. Open this file in a browser, or run 'make serve':"
	@echo "  $(CURDIR)/$(SITE)/index.html"

# Every check runs even if one before it failed; skipped tests are listed with their reasons.
define CHECKS
failed=""; \
check() { name="$$1"; shift; echo; echo "== $$name"; "$$@" || failed="$$failed [$$name]"; }; \
check "style" $(RUN) -m ruff check .; \
check "format" $(RUN) -m ruff format --check .; \
check "types" $(RUN) -m mypy; \
check "spelling" $(RUN) -m codespell_lib
endef
define VERDICT
echo; \
if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi; \
echo "All checks passed. Lines that begin with SKIPPED above say what could not run here, and why."
endef

check: $(TEST_STAMP)
	@$(CHECKS); \
	check "library" $(RUN) -m pytest -n 2 --dist loadgroup $(CHECKED); \
	$(VERDICT)

test: $(TEST_STAMP)
	@$(CHECKS); \
	check "library, site, browser" $(RUN) -m pytest -n 2 --dist loadgroup tests; \
	check "notebooks" $(RUN) -m pytest -n 2 --dist loadfile -rs $(NBVAL) book; \
	$(VERDICT)

avx2: $(TEST_STAMP)
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(RUN) -m pytest -n 2 --dist loadgroup \
	  --deselect tests/networks/test_prepare.py::test_a_compiled_network_has_the_same_answers_and_gradients \
	  $(OF_INSTRUCTIONS:%=tests/%)

floor:
	@[ -x $(FLOOR)/bin/pip ] || "$(PYTHON)" -m venv $(FLOOR)
	@$(FLOOR)/bin/pip install --quiet --disable-pip-version-check $(AT_FLOOR) -e . || { \
	  echo "make floor needs a package index, and could not install from one: what failed is above." >&2; exit 1; }
	$(FLOOR)/bin/python -c 'import torch; print("torch", torch.__version__)'
	$(FLOOR)/bin/python -m pytest -n 2 $(FLOOR_TESTS:%=tests/%) \
	  --deselect tests/networks/test_prepare.py::test_a_compiled_network_has_the_same_answers_and_gradients

lab: $(STAMP)
	$(RUN) -m jupyterlab book

serve: $(STAMP)
	@[ -f $(SITE)/index.html ] || $(MAKE) book
	@echo "http://localhost:$(PORT)  (Ctrl+C stops)"
	@$(RUN) -m http.server $(PORT) --bind 127.0.0.1 --directory $(SITE)

notebooks: $(STAMP)
	$(RUN) scripts/notebooks.py links
	$(RUN) scripts/notebooks.py run

kept: $(STAMP)
	$(RUN) scripts/kept.py make

pdf: $(TEST_STAMP)
	@[ -f $(SITE)/index.html ] || $(MAKE) book
	$(RUN) scripts/pdf.py

clean:
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache

# make demo | test | test-full | docs | mutants | goldens | lint | clean. Everything runs in .venv, which `make setup` fills.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# nnunetv2, and what of its needs it imports to train, prepare and predict.
NNUNET := nnunetv2 acvl_utils batchgenerators batchgeneratorsv2 dynamic_network_architectures blosc2 connected-components-3d \
  msgpack ndindex numexpr platformdirs py-cpuinfo seaborn tqdm
# Membership attacks of others, without the plotting, reports and notebooks that they ask for, and what importing them takes.
MEMBERSHIP := privacyguard-platform sacroml fpdf2 defusedxml
# Two test processes share the cores already; threads of their own would only wait for each other. Bytecode is kept, whatever
# the environment says: each process would rewrite the asserts of 350 files anew, for ten seconds.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: setup demo test test-full docs mutants goldens lint components clean
.DELETE_ON_ERROR:

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	@echo "Filling .venv with PyTorch, MONAI, nnU-Net and what tests need: 2.4 GB, and with GPU libraries more; 3 to 15 minutes." >&2
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@# Oracles of tests, and nnU-Net. Without --no-deps they would bring a torch of their own, and nnU-Net an older timm.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps \
	  torchvision timm torchxrayvision $(NNUNET) $(MEMBERSHIP)
	touch $@

# Both directories are the demo's own, or make stops: --out may have put somebody's run there.
demo: setup
	@if [ -e runs/demo ] && ! grep -qs '"model": "Segmenter of phantom brains"' runs/demo/config.json; then \
	  echo "runs/demo is not a run of the demo; move it away, then make demo again." >&2; exit 2; fi
	@if [ -e runs/demo-cohort ] && ! grep -qs '^Phantom brains' runs/demo-cohort/README; then \
	  echo "runs/demo-cohort is not a cohort of phantoms; move it away, then make demo again." >&2; exit 2; fi
	@rm -rf runs/demo runs/demo-cohort
	@mkdir -p runs
	$(BIN)/remnant phantom brains --patients 32 --side 32 --out runs/demo-cohort
	$(BIN)/python examples/segmenter/target.py
	@# Its verdict is an exit code, and "outside" no failure of the demo.
	$(BIN)/remnant audit examples/segmenter --out runs/demo || [ $$? = 1 ]

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

test: lint
	@# worksteal: each process has one half of the files, whose fixtures it makes once. -rs: why a test was skipped.
	$(PYTEST) -m "not slow" -n 2 --dist worksteal -rs

test-full: setup components .venv/kserve/.ready
	$(PYTEST) -m slow -n 2 --dist loadgroup

# Another server of the Open Inference Protocol, for the client of ours. It needs other versions than we do of what we both need.
.venv/kserve/.ready: .venv/.ready
	$(PYTHON) -m venv .venv/kserve
	.venv/kserve/bin/python -m pip install --quiet --disable-pip-version-check kserve==0.21.0
	touch $@

# The manual and the API as pages in build/site; whatever mkdocs warns of is an error. The variable silences an advertisement.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# How many changes of a line of the rules of verdicts the tests see. The result is docs/results/mutants.json.
mutants: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[mutants]"
	rm -rf mutants
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mutants.py

# What the studies come to, for tests/studies/test_goldens.py: after a change that is meant to change it.
goldens: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.studies.goldens

# Slow tests open the report in a browser, have label maps judged by dciodvfy of dicom3tools, segment what
# lies in Orthanc, check the unit for systemd, build the container file, and go through the tutorial of docs/serving.md.
# Installed only where this user may; RUNLEVEL keeps Debian from starting an Orthanc of its own.
components:
	@for browser in chromium chromium-browser google-chrome; do \
	  command -v $$browser >/dev/null && command -v dciodvfy >/dev/null && command -v Orthanc >/dev/null && \
	  command -v systemd-analyze >/dev/null && command -v buildah >/dev/null && command -v debootstrap >/dev/null && \
	  command -v openssl >/dev/null && command -v curl >/dev/null && \
	  test -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so && exit 0; done; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root=sudo; \
	else echo "chromium, dicom3tools, orthanc or another part is missing and may not be installed from here; slow tests will fail." >&2; exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo "chromium, dicom3tools, orthanc or another part is missing, and there is no apt-get; slow tests will fail." >&2; exit 0; fi; \
	$$as_root apt-get update -qq && $$as_root env RUNLEVEL=1 apt-get install -y -qq \
	  chromium fonts-liberation dicom3tools orthanc orthanc-dicomweb systemd buildah debootstrap openssl curl >/dev/null

# runs/ stays: it may hold results, and patient data that only `remnant purge` knows.
clean:
	rm -rf .venv build dist mutants src/remnant.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

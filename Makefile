# Everything starts here; each target sets up what it needs.
#   make demo    three tasks on sample data, exported and asked
#   make test    all tests
#   make lint    ruff
#   make docs    the API page, build/docs/tf_adapters.html
#   make tpu-check   the steps through the TPU compiler, without a TPU (an hour)
#   make bench   speed beside the peer's: BENCH="--data DATA", see benchmarks/
#   make peer    the peer's environment, made by `make bench` where it lacks

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Some packages come as sources only; --use-pep517 builds them alike everywhere.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --use-pep517

# JAX brings the TPU compiler; benchmarks/tpu/compile.py needs this version.
TPU_VENV := .venv-tpu
TPU_PACKAGES := jax[tpu]==0.10.2

PEER := .venv-peer
# An environment that is there already: PEER_PYTHON=PATH.
PEER_PYTHON ?= $(PEER)/bin/python
PEER_NEEDED := $(if $(filter $(PEER)/%,$(PEER_PYTHON)),$(PEER)/.installed)

.PHONY: demo test lint docs bench peer tpu-check clean

demo: $(INSTALLED)
	rm -rf demo
	$(BIN)/tf-adapters demo --output demo

# In three runs, since TensorFlow keeps what a process has made: in one run
# the two workers would come to 20 GB. Files in this order, or xdist begins with
# those of many tests and one worker ends alone with a long file of few.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q

test: $(INSTALLED)
	$(PYTEST) tests/test_[a-c]*.py
	$(PYTEST) tests/test_[d-r]*.py
	$(PYTEST) tests/test_workers.py tests/test_[s-z]*.py

lint: $(INSTALLED)
	$(BIN)/ruff check .

docs: $(INSTALLED)
	$(BIN)/python docs/api.py build/docs

tpu-check: $(INSTALLED) $(TPU_VENV)/.installed
	$(BIN)/python benchmarks/tpu/report.py $(TPU_VENV)/bin/python benchmarks/TPU.md

$(TPU_VENV)/.installed: Makefile
	$(PYTHON) -m venv $(TPU_VENV)
	$(TPU_VENV)/bin/python -m pip --disable-pip-version-check install --quiet \
	  "$(TPU_PACKAGES)"
	@touch $@

bench: $(INSTALLED) $(PEER_NEEDED)
	$(BIN)/python benchmarks/speed.py --peer-python $(PEER_PYTHON) $(BENCH)

peer: $(PEER)/.installed

# PyTorch first, so that it is this version that `adapters` finds.
$(PEER)/.installed:
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip --disable-pip-version-check install --quiet \
	  torch==2.13.0
	$(PEER)/bin/python -m pip --disable-pip-version-check install --quiet \
	  adapters==1.3.0 safetensors
	@touch $@

$(INSTALLED): .ci/requirements.lock .ci/encoder.lock setup.py Makefile
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not \
	  (3, 10) <= v <= (3, 12) and f"tf_adapters needs Python 3.10 to 3.12; \
	  PYTHON={sys.executable} is {v[0]}.{v[1]}.")'
	@echo "Installing into $(VENV); this takes a few minutes."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --requirement .ci/requirements.lock
	$(PIP) --no-deps --require-hashes --requirement .ci/encoder.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) $(PEER) $(TPU_VENV) demo

# The two commands are `make book` and `make test`; `make help` lists the rest.
# PYTHON=/path/to/python3.12 chooses the Python that .venv is made with.
# BOOK_SOLUTIONS=0 leaves the solutions out; PORT=9000 serves elsewhere.

RUN  := sh tools/python.sh
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup build book serve test test-colab gpu lab lint format clean distclean

help: ## this list
	@echo "make book   builds the book and serves it on this machine"
	@echo "make test   builds it and runs every test"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /\1@/p' Makefile | while IFS=@ read -r name what; do \
	    printf '  %-10s %s\n' "$$name" "$$what"; done

setup: ## everything the book needs, into .venv, node_modules and assets/vendor
	@$(RUN) tools/set_up.py

build: setup ## executes the notebooks and builds the site into _build/html
	@$(RUN) tools/build.py

book: build ## builds the book, serves it on 127.0.0.1 and prints the address
	@$(RUN) tools/serve.py

serve: ## serves what was built last
	@$(RUN) tools/serve.py

test: setup ## sets up, builds and runs every test (TESTS="tests/test_attention.py -x")
	@$(VENV) tools/browser.py
	@$(RUN) tools/build.py
	@$(VENV) -m pytest -n auto --maxprocesses=4 --dist=loadfile \
	    --junitxml=_build/test-results.xml $(TESTS)

test-colab: build ## runs the notebooks from their first cell, as Colab would
	@$(RUN) tools/try_colab.py

gpu: setup ## on a machine with a GPU: fast paths checked and timed (results/gpu.json)
	@$(VENV) benchmarks/gpu.py

lab: build ## opens the notebooks, with references resolved, in JupyterLab
	@$(VENV) -m jupyterlab _build/notebooks

lint: setup ## checks style and format; notebooks must carry no outputs
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m nbstripout --keep-id --verify chapters/*.ipynb

format: setup ## formats the code and strips the notebooks' outputs
	@$(VENV) -m ruff format .
	@$(VENV) -m ruff check --fix .
	@$(VENV) -m nbstripout --keep-id chapters/*.ipynb

clean: ## removes what was built; the set-up stays
	@rm -rf _build

distclean: clean ## removes the set-up as well
	@rm -rf .venv node_modules assets/vendor

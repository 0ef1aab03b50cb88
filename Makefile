# pickle5's tasks.  `make demo` and `make test` need only Python and a C compiler.
#
#   PYTHON=python3.7 make test              picks the interpreter (default: python3)
#   PICKLE5_DEBUG=1 make test               builds with asserts on
#   PICKLE5_VENVS=DIR make test             where virtual environments go (default: .venv)
#   make test TESTS="tests/test_x.py -k y"  what to hand to pytest

PYTHON ?= python3
# tests/reliability has targets of its own.
TESTS ?= tests --ignore=tests/reliability
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# One environment and one build folder for each interpreter that can meet in this folder.
KEY := $(shell $(PYTHON) -c 'import sys, sysconfig as s; print("%s-%s-%s%s" % (sys.implementation.cache_tag, ".".join(map(str, sys.version_info[:3])), s.get_config_var("MULTIARCH") or s.get_platform(), "-dbg" * hasattr(sys, "gettotalrefcount")))')
ifeq ($(KEY),)
$(error "$(PYTHON)" does not run; say PYTHON=... to pick an interpreter)
endif
CPYTHON := $(filter cpython-%,$(KEY))
KIND := $(KEY)$(if $(filter-out 0,$(PICKLE5_DEBUG)),-asserts)
VENV := $(abspath $(or $(PICKLE5_VENVS),.venv))/$(KEY)
PY := $(VENV)/bin/python
RUN := PYTHONPATH=$(CURDIR) $(PY)
PIP := $(PY) -m pip install -q
# A checkout whose C does not build must not pass its tests without it.
ifneq ($(CPYTHON),)
export PICKLE5_REQUIRE_C ?= 1
endif

.PHONY: help venv build demo test test-asserts test-stdlib test-wider compatibility exchange test-all test-install sanitize valgrind \
        test-hostile test-misuse test-deep test-sizes test-file-faults reliability fuzz-quick nomemory leaks threads interpreters fuzz fuzz-coverage \
        lint warnings rooms mingw macos stubs sdist clean bench bench-compare

help:
	@sed -n 's/^## //p' Makefile

## venv          make the virtual environment of $(PYTHON), with what build and tests need
venv: $(VENV)/.ready
$(VENV)/.ready:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	if $(PY) -c 'import sys; sys.exit(sys.version_info >= (3, 7))'; \
	    then $(PIP) -U 'pip<22' 'setuptools<60' 'wheel<0.38'; \
	    else $(PIP) -U pip setuptools wheel; fi
	$(PIP) pytest
	@echo "numpy and hypothesis, where wheels of them exist:"
	-$(PIP) --only-binary :all: numpy
	-$(PIP) --only-binary :all: hypothesis
	touch $@

## build         build the engine in place, in pickle5/
build: $(VENV)/.ready
	$(PY) setup.py -q build_ext --inplace --build-temp build/$(KIND)/temp --build-lib build/$(KIND)/lib
	@$(RUN) -m pickle5 --version

## demo          pickle a table and a large array, in band and out of band, beside the interpreter's pickle
demo: build
	$(RUN) examples/demo.py

## test          build, and run the tests
test: build
	$(RUN) -m pytest -q $(TESTS)

## test-asserts  the same with the engine's asserts on (and the plain engine built again after it)
test-asserts:
	PICKLE5_DEBUG=1 $(MAKE) test && $(MAKE) build

## test-stdlib   the interpreter's own tests of pickle, with pickle5 standing in
test-stdlib: build
	$(RUN) tests/stdlib_suite.py

## test-wider    the same, and every test about pickling in the interpreter's other suites; its counts go into build/suites
test-wider: build
	@mkdir -p build/suites
	$(RUN) tests/stdlib_suite.py --json build/suites/$(KEY).json core wider

## compatibility write docs/compatibility.md out of what test-wider left, for all interpreters that it was run with
compatibility:
	$(PYTHON) tests/write_compatibility.py build/suites/*.json

## exchange      each interpreter's pickle5 and pickle write the corpus, and read what the others wrote; see tests/exchange.py
exchange:
	$(PYTHON) tests/exchange.py $(EXCHANGE)

## test-install  wheel, editable install, in-place build: the same names everywhere
test-install: build
	PICKLE5_TEST_INSTALL=1 $(RUN) -m pytest -q tests/test_package.py

## test-all      all of the above
test-all: test test-wider test-install test-asserts

# --- the C source, checked without running it ------------------------------------------------

C_FLAGS = -std=c11 -Wall -Wextra -fsyntax-only -IInclude -IModules
HEADERS = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
HERE_C = $(C_FLAGS) -isystem $(HEADERS)

## lint          warnings, rooms and mingw
lint: warnings rooms mingw

# From 3.13 on the headers also serve builds without the GIL.
FREE = $(shell $(PYTHON) -c 'import sys; print("\"-O2 -DPy_GIL_DISABLED=1\"" if sys.version_info >= (3, 13) else "")')
## warnings      no warning from gcc or clang, with optimisation on and off, asserts on and off, and without the GIL
warnings:
	@set -e; for cc in gcc clang; do \
	    command -v $$cc >/dev/null || { echo "$$cc: not installed, skipped"; continue; }; \
	    for flags in -O0 -O3 "-O1 -UNDEBUG -DPICKLE5_DEBUG" $(FREE); do \
	        echo "$$cc $$flags"; $$cc $(HERE_C) -Werror $$flags Modules/_pickle.c; \
	    done; done
	gcc $(filter-out -fsyntax-only,$(HERE_C)) -Werror -O3 -fPIC -c -o /dev/null Modules/_pickle.c

## rooms         each room of the engine compiles by itself: it includes what it needs
rooms:
	@set -e; for room in Modules/_pickle/*.c; do \
	    echo "$$room"; gcc $(HERE_C) -Werror -Wno-unused-function -Wno-unused-variable \
	        -DP5_ROOM_ALONE $$room; \
	done

# CPython's pyconfig.h for Windows comes only with Windows installs; .ci/pyconfig-mingw.h is the least
# that lets the other headers through, so this sees all that depends on the compiler and on Windows'
# sizes (a long of 32 bits), and nothing of Windows' own configuration.
MINGW = x86_64-w64-mingw32-gcc i686-w64-mingw32-gcc
WINDOWS = build/mingw-$(KEY)
## mingw         the engine compiles for 64-bit and 32-bit Windows, as far as the headers at hand allow
mingw:
	@set -e; rm -rf $(WINDOWS); mkdir -p build; cp -rL $(HEADERS) $(WINDOWS); \
	cp .ci/pyconfig-mingw.h $(WINDOWS)/pyconfig.h; for cc in $(MINGW); do \
	    command -v $$cc >/dev/null || { echo "$$cc: not installed, skipped"; continue; }; \
	    echo "$$cc"; $$cc $(C_FLAGS) -Werror -isystem $(WINDOWS) -O2 Modules/_pickle.c; \
	done

# The headers are this interpreter's own: Linux and macOS have the same sizes, and not all the same settings.
## macos         the engine compiles for macOS on arm64 and x86-64 (ziglang from PyPI), as far as the headers at hand allow
macos: $(VENV)/.ready
	@$(PIP) ziglang
	@set -e; for target in aarch64-macos x86_64-macos; do \
	    echo "zig cc -target $$target"; $(PY) -m ziglang cc -target $$target $(filter-out -fsyntax-only,$(HERE_C)) -Werror -O2 \
	        -c -o /dev/null Modules/_pickle.c; \
	done

# --- reliability: each check by itself ---------------------------------------------------------
# Each leaves its counts in build/reliability, for `make reliability`.
COUNTED = $(RUN) -m pytest -q -o junit_family=xunit1 --junitxml=build/reliability/$(KEY)-$@.xml
# Builds of their own, in build/; the one in pickle5/ stays as it is.

SANITIZE = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
SANITIZED = $(abspath build/$(KEY)-sanitize)
FAST = tests --ignore=tests/test_package.py --ignore=tests/test_deep.py --ignore=tests/reliability/test_deeper.py \
       --ignore=tests/reliability/test_nomemory.py --ignore=tests/reliability/test_leaks.py
## sanitize      the tests under AddressSanitizer and UndefinedBehaviorSanitizer (gcc)
sanitize: $(VENV)/.ready
	CFLAGS="$(SANITIZE)" LDFLAGS="$(SANITIZE)" PICKLE5_DEBUG=1 $(PY) setup.py -q build --build-base $(SANITIZED)
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc PICKLE5_SANITIZED=1 \
	    PYTHONPATH="$$(ls -d $(SANITIZED)/lib*)" $(VENV)/bin/pytest -q -p no:cacheprovider \
	    --junitxml=build/reliability/$(KEY)-$@.xml $(if $(filter file,$(origin TESTS)),$(FAST),$(TESTS))

# Up to 3.11 int.from_bytes looks at a digit that was never set, and taints every 0 that comes of it.
VALGRIND_FLAGS ?= --undef-value-errors=no
## valgrind      a fast part of the tests under valgrind's memcheck
valgrind: $(VENV)/.ready
	PICKLE5_DEBUG=1 $(PY) setup.py -q build --build-base build/$(KEY)-valgrind
	PYTHONMALLOC=malloc PICKLE5_SANITIZED=1 PYTHONPATH="$$(ls -d $(CURDIR)/build/$(KEY)-valgrind/lib*)" \
	    valgrind -q --error-exitcode=99 --leak-check=no $(VALGRIND_FLAGS) \
	    --suppressions=tests/reliability/valgrind.supp \
	    $(PY) tests/reliability/quick.py

## test-hostile  streams and files made by an enemy, under limits of time and memory
test-hostile: build
	$(COUNTED) tests/reliability/test_hostile.py

## test-misuse   misuse of every method, and user code that does anything
test-misuse: build
	$(COUNTED) tests/reliability/test_misuse.py tests/reliability/test_foreign_code.py tests/test_reentry.py

## test-deep     what nests a million deep
test-deep: build
	PICKLE5_SLOW=1 $(COUNTED) tests/test_deep.py tests/reliability/test_deeper.py

## test-sizes    objects and pickles above 2 GiB and 4 GiB (10 GiB of memory); on 32 bits, lengths that do not fit
test-sizes: build
	PICKLE5_SLOW=1 $(COUNTED) tests/reliability/test_sizes.py

## test-file-faults  disks that are full, signals, pipes and sockets that end
test-file-faults: build
	PICKLE5_SLOW=1 $(COUNTED) tests/reliability/test_file_faults.py

## nomemory      each allocation of dumps and loads fails in turn (CPython with _testcapi)
nomemory: build
	PICKLE5_SLOW=1 $(COUNTED) tests/reliability/test_nomemory.py

## leaks         references and memory blocks after repeated runs (debug builds of CPython)
leaks: build
	PICKLE5_SLOW=1 $(COUNTED) tests/reliability/test_leaks.py

## threads       many threads over shared data, and signals; SECONDS=120
SECONDS ?= 120
threads: build
	PICKLE5_SLOW=$(SECONDS) $(COUNTED) tests/reliability/test_threads.py

## interpreters  subinterpreters, from 3.12 on each with its own GIL
interpreters: build
	$(COUNTED) tests/reliability/test_interpreters.py

## fuzz          the fuzzers that need nothing, each for SECONDS; SEED=n repeats a run
fuzz: build
	$(RUN) tests/fuzz --replay
	@mkdir -p build/reliability
	$(RUN) tests/fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --log build/reliability/$(KEY)-fuzz-seeded-$$(date +%s).log

## fuzz-quick    the corpus, and a minute of the same
fuzz-quick:
	$(MAKE) fuzz SECONDS=15

## fuzz-coverage libFuzzer over the engine with ASan and UBSan (clang); TARGET=read|write|round_trip|differential SECONDS=n
TARGET ?= read
FUZZ_CLANG = -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -g -O1
FUZZER = build/$(KEY)-fuzz
# What reads shares its corpus.
FUZZ_CORPUS = tests/fuzz/corpus/$(patsubst differential,read,$(TARGET))
fuzz-coverage: $(VENV)/.ready
	mkdir -p $(FUZZER)/corpus-$(TARGET) build/reliability
	CC=clang LDSHARED="clang -shared" CFLAGS="$(FUZZ_CLANG)" PICKLE5_DEBUG=1 \
	    $(PY) setup.py -q build --build-base $(FUZZER)
	clang -fsanitize=fuzzer,address,undefined -g -O1 -rdynamic tests/fuzz/libfuzzer.c -o $(FUZZER)/fuzz \
	    $$($(PY) -c 'import sysconfig as s; v = s.get_config_var; print("-I" + s.get_paths()["include"], "-L" + v("LIBDIR"), "-Wl,-rpath," + v("LIBDIR"), "-lpython" + v("LDVERSION"), v("LIBS"))')
	set -o pipefail; PYTHONHOME=$$($(PY) -c 'import sys; print(sys.base_prefix)') PYTHONMALLOC=malloc PICKLE5_FUZZ_TARGET=$(TARGET) \
	    PYTHONPATH="$$(ls -d $(FUZZER)/lib*):tests/fuzz:tests" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 $(FUZZER)/fuzz -max_total_time=$(SECONDS) -timeout=20 \
	    -rss_limit_mb=3000 -max_len=4096 -print_final_stats=1 -artifact_prefix=$(FUZZER)/finding- \
	    $(FUZZER)/corpus-$(TARGET) $(FUZZ_CORPUS) 2>&1 | tee build/reliability/$(KEY)-fuzz-$(TARGET)-$$(date +%s).log

## reliability   write docs/reliability.md out of what all of these left, on all interpreters that they were run with
reliability:
	$(PYTHON) tests/write_reliability.py build/reliability/*

## stubs         the type stubs agree with the package, as a wheel installs it (mypy's stubtest)
stubs: $(VENV)/.ready
	$(PIP) mypy
	rm -rf build/stubs
	$(PIP) --no-deps --target build/stubs .
	cd build/stubs && PYTHONPATH=. MYPYPATH=. $(PY) -m mypy.stubtest pickle5 --concise \
	    --mypy-config-file ../../pyproject.toml --allowlist ../../tests/stubs_allowlist.txt

# --- speed and memory ------------------------------------------------------------------------

# The peers it measures against, where wheels of them exist.
$(VENV)/.bench: $(VENV)/.ready bench/extras.py
	$(RUN) -m bench.extras
	touch $@

## bench         measure everything, and write docs/benchmarks.md (BENCH="--quick"; BENCH=--help tells more)
bench: build $(VENV)/.bench
	$(RUN) -m bench $(BENCH)

## bench-compare what got slower?  REV1=HEAD~1 REV2=HEAD, or "." for the working tree; BENCH=... as above
bench-compare: $(VENV)/.bench
	$(PY) bench/compare.py $(or $(REV1),HEAD) $(or $(REV2),.) $(BENCH)

# --- packages --------------------------------------------------------------------------------

## sdist         the source distribution, in dist/
sdist: $(VENV)/.ready
	$(PY) setup.py -q sdist

## clean         remove what building left (not the virtual environments)
clean:
	rm -rf build dist *.egg-info pickle5/*.so pickle5/*.pyd
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

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

.PHONY: help venv build demo test test-asserts test-stdlib test-wider test-installed ecosystem compatibility exchange test-one test-all test-install sanitize valgrind \
        test-hostile test-misuse test-deep test-sizes test-file-faults reliability reliability-runs key fuzz-quick nomemory leaks threads interpreters fuzz fuzz-coverage \
        lint lint-all warnings rooms mingw macos stubs stubs-all clean bench bench-compare \
        docs linkcheck doctest new-user release-check workflows which-wheels cibuildwheel in-container in-debian needs-apt check-version bench-release \
        sdist wheel-raw wheel-pure wheels wheels-of-sdist wheels-again check-dist test-wheel test-pure test-wheels

help:
	@sed -n 's/^## //p' Makefile

## venv          make the virtual environment of $(PYTHON), with what build and tests need
venv: $(VENV)/.ready
$(VENV)/.ready: tests/requirements.txt
	[ -e $@ ] || $(MAKE) $(VENV)/.new
	$(PIP) --only-binary :all: -r tests/requirements.txt
	@echo "numpy, where a wheel of it exists:"
	-$(PIP) --only-binary :all: numpy
	touch $@
# An environment that never got ready is made from the start; one that is ready is topped up.
.PHONY: $(VENV)/.new
$(VENV)/.new:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	if $(PY) -c 'import sys; sys.exit(sys.version_info >= (3, 7))'; \
	    then $(PIP) -U 'pip<22' 'setuptools<60' 'wheel<0.38'; \
	    else $(PIP) -U pip setuptools wheel; fi

## build         build the engine in place, in pickle5/
build: $(VENV)/.ready
	$(PY) setup.py -q build_ext --inplace --build-temp build/$(KIND)/temp --build-lib build/$(KIND)/lib
	@$(RUN) -m pickle5 --version

## demo          pickle a table and a large array, in band and out of band, beside the interpreter's pickle
demo: build
	$(RUN) examples/demo.py

## test          build, and run the tests
test: build
	@mkdir -p build/suites
	$(RUN) -m pytest -q $(TESTS) $(if $(filter file,$(origin TESTS)),--junitxml=build/suites/$(KEY).xml)

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

## test-installed the interpreter's own tests of pickle, shelve, multiprocessing, concurrent.futures under pickle5.install()
test-installed: build
	$(RUN) tests/stdlib_suite.py --install

## ecosystem     real releases of other libraries, sent and received; writes docs/ecosystem.md (ECOSYSTEM=--help tells more)
ecosystem:
	$(PYTHON) tests/ecosystem $(ECOSYSTEM)

## compatibility write docs/compatibility.md out of what test, test-wider and exchange left in build/suites
compatibility:
	$(PYTHON) tests/write_compatibility.py build/suites

## exchange      each interpreter's pickle5 and pickle write the corpus, and read what the others wrote; see tests/exchange.py
exchange:
	@mkdir -p build/suites
	$(PYTHON) tests/exchange.py --json build/suites/exchange.json $(EXCHANGE)

## test-install  wheel, editable install, in-place build: the same names everywhere
test-install: build
	PICKLE5_TEST_INSTALL=1 $(RUN) -m pytest -q tests/test_package.py

## test-one      all of this on $(PYTHON)
test-one: test test-wider test-install test-asserts

## test-all      test, test-wider, test-install and exchange on every interpreter there is, and docs/compatibility.md (see .ci/run)
test-all:
	PICKLE5_CI_ALL=1 .ci/run

# --- the C source, checked without running it ------------------------------------------------

C_FLAGS = -std=c11 -Wall -Wextra -fsyntax-only -IInclude -IModules
HEADERS = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
HERE_C = $(C_FLAGS) -isystem $(HEADERS)

## lint          warnings, rooms and mingw
lint: warnings rooms mingw

## lint-all      the same with the headers of each CPython: compat.h takes other branches on each
lint-all:
	PICKLE5_CI_NAMES="$(CPYTHONS)" .ci/run each make lint

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
# Each leaves its counts in a folder of the engine's, for `make reliability`.
LEFT = build/reliability/$(shell $(PYTHON) tests/reliability/engine.py)
COUNTED = $(RUN) -m pytest -q -o junit_family=xunit1 --junitxml=$(LEFT)/$(KEY)-$@.xml
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
	    --junitxml=$(LEFT)/$(KEY)-$@.xml $(if $(filter file,$(origin TESTS)),$(FAST),$(TESTS))

# Up to 3.11 int.from_bytes looks at a digit that was never set, and taints every 0 that comes of it.
VALGRIND_FLAGS ?= --undef-value-errors=no
## valgrind      a fast part of the tests under valgrind's memcheck
valgrind: $(VENV)/.ready
	PICKLE5_DEBUG=1 $(PY) setup.py -q build --build-base build/$(KEY)-valgrind
	PYTHONMALLOC=malloc PICKLE5_SANITIZED=1 PYTHONPATH="$$(ls -d $(CURDIR)/build/$(KEY)-valgrind/lib*)" \
	    valgrind -q --error-exitcode=99 --leak-check=no $(VALGRIND_FLAGS) \
	    --suppressions=tests/reliability/valgrind.supp \
	    $(PY) tests/reliability/quick.py
	@mkdir -p $(LEFT)
	@echo '<testsuite><testcase name="quick"/></testsuite>' > $(LEFT)/$(KEY)-$@.xml

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
	@mkdir -p $(LEFT)
	$(RUN) tests/fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --log $(LEFT)/$(KEY)-fuzz-seeded-$$(date +%s).log

## fuzz-quick    the corpus, and a minute of the same, each time from the same seed: part of the gate
fuzz-quick:
	$(MAKE) fuzz SECONDS=15 SEED=1

## fuzz-coverage libFuzzer over the engine with ASan and UBSan (clang); TARGET=read|write|round_trip|differential SECONDS=n
TARGET ?= read
FUZZ_CLANG = -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -g -O1
FUZZER = build/$(KEY)-fuzz
# What reads shares its corpus.
FUZZ_CORPUS = tests/fuzz/corpus/$(patsubst differential,read,$(TARGET))
# Not every sh has pipefail.
fuzz-coverage: SHELL = bash
fuzz-coverage: $(VENV)/.ready
	mkdir -p $(FUZZER)/corpus-$(TARGET) $(LEFT)
	CC=clang LDSHARED="clang -shared" CFLAGS="$(FUZZ_CLANG)" PICKLE5_DEBUG=1 \
	    $(PY) setup.py -q build --build-base $(FUZZER)
	clang -fsanitize=fuzzer,address,undefined -g -O1 -rdynamic tests/fuzz/libfuzzer.c -o $(FUZZER)/fuzz \
	    $$($(PY) -c 'import sysconfig as s; v = s.get_config_var; print("-I" + s.get_paths()["include"], "-L" + v("LIBDIR"), "-Wl,-rpath," + v("LIBDIR"), "-lpython" + v("LDVERSION"), v("LIBS"))')
	set -o pipefail; PYTHONHOME=$$($(PY) -c 'import sys; print(sys.base_prefix)') PYTHONMALLOC=malloc PICKLE5_FUZZ_TARGET=$(TARGET) \
	    PYTHONPATH="$$(ls -d $(FUZZER)/lib*):tests/fuzz:tests" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 $(FUZZER)/fuzz -max_total_time=$(SECONDS) -timeout=20 \
	    -rss_limit_mb=3000 -max_len=4096 -print_final_stats=1 -artifact_prefix=$(FUZZER)/finding- \
	    $(FUZZER)/corpus-$(TARGET) $(FUZZ_CORPUS) 2>&1 | tee $(LEFT)/$(KEY)-fuzz-$(TARGET)-$$(date +%s).log

## reliability   write docs/reliability.md out of what all of these left, here and in earlier sittings, for this engine
reliability:
	$(PYTHON) tests/write_reliability.py

## reliability-runs  all of these where they are meant for, but what this engine has passed (TARGETS="leaks" NAMES="3.7 i386")
reliability-runs:
	$(PYTHON) tests/reliability/runs.py --targets "$(TARGETS)" --names "$(NAMES)" --seconds $(SECONDS)

# What names the files of this interpreter.
key:
	@echo $(KEY)

STUBS = build/stubs-$(KEY)
## stubs         the type stubs: mypy --strict, and agree with the package as a wheel installs it (stubtest)
stubs: $(VENV)/.ready
	$(PIP) mypy
	rm -rf $(STUBS)
	$(PY) setup.py -q build --build-base $(STUBS)/build --build-lib $(STUBS)
	cd $(STUBS) && PYTHONPATH=. MYPYPATH=. $(PY) -m mypy.stubtest pickle5 --concise \
	    --mypy-config-file ../../pyproject.toml --allowlist ../../tests/stubs_allowlist.txt --ignore-unused-allowlist
	cd $(STUBS) && MYPYPATH=. $(PY) -m mypy --strict --config-file ../../pyproject.toml \
	    -m pickle5 -m pickle5.pickle -m pickle5.pickletools -m pickle5._pickle
	cd $(STUBS) && MYPYPATH=. $(PY) -m mypy --strict --config-file ../../pyproject.toml ../../tests/typed.py

## stubs-all     the same on each CPython from 3.9 on, the oldest that mypy runs on
stubs-all:
	PICKLE5_CI_NAMES="$(filter-out 3.6 3.7 3.8 i386 s390x python3.6 python3.7 python3.8,$(CPYTHONS))" .ci/run each make stubs

# --- speed and memory ------------------------------------------------------------------------

# The peers it measures against, where wheels of them exist.
$(VENV)/.bench: $(VENV)/.ready bench/extras.py bench/floor.c
	$(RUN) -m bench.extras
	touch $@

## bench         measure everything, and write docs/benchmarks.md (BENCH="--quick"; BENCH=--help tells more)
bench: build $(VENV)/.bench
	$(RUN) -m bench $(BENCH)

## bench-compare what got slower?  REV1=HEAD~1 REV2=HEAD, or "." for the working tree; BENCH=... as above
bench-compare: $(VENV)/.bench
	$(PY) bench/compare.py $(or $(REV1),HEAD) $(or $(REV2),.) $(BENCH)

## bench-release what got slower since the last tag?  Nothing to do where there is none
LAST = $(shell git describe --tags --abbrev=0 --match 'v*' HEAD^ 2>/dev/null)
bench-release:
	@$(if $(LAST),$(MAKE) bench-compare REV1=$(LAST) REV2=HEAD,echo "no release to compare with")

# --- packages --------------------------------------------------------------------------------

# What is in $(DIST) is what would be published.  Time stamps come from the last commit, so that two builds are the same.
DIST ?= dist
RAW = build/wheels
COMMITTED := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),315532800)
TOOLS := $(abspath $(or $(PICKLE5_VENVS),.venv))/tools
BUILD_ENV = PIP_CONSTRAINT=$(CURDIR)/.ci/build-constraints.txt PIP_BUILD_CONSTRAINT=$(CURDIR)/.ci/build-constraints.txt
CPYTHONS = $(or $(PICKLE5_CI_NAMES),$(shell .ci/run names | grep -v -e pypy -e dbg))

$(TOOLS)/.ready: .ci/tools.txt
	python3 -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -q -r .ci/tools.txt
	touch $@

## sdist         the source distribution, in dist/ ($(DIST))
sdist: export SOURCE_DATE_EPOCH := $(COMMITTED)
sdist: $(TOOLS)/.ready
	rm -rf build/sdist && mkdir -p build/sdist
	$(BUILD_ENV) $(TOOLS)/bin/python -m build -q --sdist --outdir $(DIST) .

## wheel-raw     a wheel of the sdist for $(PYTHON), as it leaves the compiler, in build/wheels/
wheel-raw: export SOURCE_DATE_EPOCH := $(COMMITTED)
wheel-raw: $(VENV)/.ready
	mkdir -p $(RAW)
	$(BUILD_ENV) $(PY) -m pip wheel -q --no-deps -w $(RAW) $(DIST)/pickle5-*.tar.gz

## wheel-pure    the wheel without the engine, for every interpreter that no other wheel is for, in dist/
wheel-pure: export SOURCE_DATE_EPOCH := $(COMMITTED)
wheel-pure: $(TOOLS)/.ready
	$(BUILD_ENV) PICKLE5_NO_C=1 $(TOOLS)/bin/python -m pip wheel -q --no-deps -w $(DIST) $(DIST)/pickle5-*.tar.gz
	test -f $(DIST)/pickle5-*-py3-none-any.whl

## wheels        sdist, pure wheel, and a manylinux wheel for each CPython that .ci/run finds; checked by twine
wheels: export SOURCE_DATE_EPOCH := $(COMMITTED)
wheels:
	rm -rf $(DIST)
	$(MAKE) sdist wheels-of-sdist check-dist

## wheels-of-sdist the wheels of the sdist that is in dist/, the pure one and one for each CPython
wheels-of-sdist: wheel-pure
	rm -rf $(RAW)
	PICKLE5_CI_NAMES="$(CPYTHONS)" .ci/run each make wheel-raw DIST=$(DIST) RAW=$(RAW)
	set -e; for wheel in $(RAW)/*.whl; do \
	    PATH=$(TOOLS)/bin:$$PATH $(TOOLS)/bin/auditwheel repair -w $(DIST) $$wheel; done

## check-dist    what twine, a list of what must be inside, and CycloneDX's schema say about dist/; EVERY=PATTERN: all these are there
check-dist: $(TOOLS)/.ready
	$(TOOLS)/bin/twine check --strict $(DIST)/*
	$(TOOLS)/bin/python .ci/check_dist.py $(DIST) $(if $(EVERY),'$(EVERY)')

## wheels-again  builds all of it a second time, from a copy with other dates: the bytes must be the same
wheels-again: export SOURCE_DATE_EPOCH := $(COMMITTED)
wheels-again:
	rm -rf build/again && mkdir -p build/again/source
	git ls-files -z | xargs -0 cp --parents -t build/again/source
	find build/again/source -exec touch -d 2001-02-03 {} +
	$(MAKE) -C build/again/source sdist DIST=$(CURDIR)/build/again/dist PICKLE5_VENVS=$(dir $(TOOLS))
	cmp build/again/dist/*.tar.gz $(DIST)/*.tar.gz
	$(MAKE) wheels-of-sdist DIST=build/again/dist RAW=build/again/wheels
	set -e; for file in $(DIST)/*; do cmp $$file build/again/dist/$${file##*/}; echo "the same: $${file##*/}"; done

## test-wheel    the wheel for $(PYTHON), installed with no compiler and no network; TRY="TESTS..."
test-wheel:
	.ci/try-wheel $(DIST) build/try-$(KEY) $(if $(CPYTHON),C,Python) $(TRY)

## test-pure     the same for the wheel without the engine
test-pure:
	rm -rf build/pure-$(KEY) && mkdir -p build/pure-$(KEY) && cp $(DIST)/*-py3-none-any.whl build/pure-$(KEY)
	.ci/try-wheel build/pure-$(KEY) build/try-pure-$(KEY) Python $(TRY)

## test-wheels   test-wheel on each CPython, test-pure on every interpreter
test-wheels:
	PICKLE5_CI_NAMES="$(CPYTHONS)" .ci/run each make test-wheel TRY="$(TRY)" DIST=$(DIST)
	.ci/run each make test-pure TRY="$(TRY)" DIST=$(DIST)

# --- documentation ---------------------------------------------------------------------------

DOCS = $(VENV)-docs
$(DOCS)/.ready: | $(VENV)/.ready
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install -q furo myst-parser sphinx
	touch $@

SPHINX = $(DOCS)/bin/python -m sphinx -W --keep-going -q -E -d build/docs/doctrees
## docs          the documentation, in build/docs/html; a warning is an error
docs: build $(DOCS)/.ready
	$(SPHINX) -b html docs build/docs/html

## linkcheck     the links in it lead somewhere
linkcheck: build $(DOCS)/.ready
	$(SPHINX) -b linkcheck docs build/docs/links

## doctest       the examples in README.md and docs/ run
doctest: build
	$(RUN) -m pytest -q tests/test_docs.py

## new-user      from nothing but the README, on fresh roots of Debian stable and sid, and with PyPy (root; debootstrap)
new-user:
	.ci/new-user $(DIST)

## release-check everything that can be shown here before a release; docs/releasing.md tells what cannot. STEPS="docs linkcheck"
release-check:
	.ci/release-check $(STEPS)

# --- what workflows run ------------------------------------------------------------------------

# The last cibuildwheel for 3.6 and 3.7 is 2.23.3, the last for 3.8 is 3.4.1; see .github/workflows/wheels.yml.
CIBW ?= 4.3.3
## cibuildwheel  wheels of the sdist as CIBW_BUILD, CIBW_ARCHS say, in wheelhouse/; CIBW=version FLAGS=--print-build-identifiers
cibuildwheel: export CIBW_PROJECT_REQUIRES_PYTHON = >=3.6
cibuildwheel: export SOURCE_DATE_EPOCH := $(COMMITTED)
cibuildwheel: build/cibuildwheel-$(CIBW)/.ready
	@cd build/cibuildwheel-$(CIBW) && { [ -d Scripts ] && bin=Scripts || bin=bin; } && cd ../.. && \
	    build/cibuildwheel-$(CIBW)/$$bin/python -m cibuildwheel $(FLAGS) --output-dir wheelhouse $(SDIST)
SDIST = $(DIST)/pickle5-*.tar.gz
build/cibuildwheel-$(CIBW)/.ready:
	@$(PYTHON) -m venv build/cibuildwheel-$(CIBW)
	@cd build/cibuildwheel-$(CIBW) && { [ -d Scripts ] && bin=Scripts || bin=bin; } && \
	    $$bin/python -m pip install -q cibuildwheel==$(CIBW) && touch .ready

## which-wheels  what the three cibuildwheels say they would build, told what wheels.yml tells them, is what a release has
which-wheels: $(TOOLS)/.ready
	$(TOOLS)/bin/python .ci/which_wheels.py

## in-container  make TASK="..." in the container image IMAGE, for Pythons that machines of today no longer have
in-container:
	docker run --rm -v "$(CURDIR)":/checkout -w /checkout $(IMAGE) \
	    sh -c 'git config --global --add safe.directory /checkout; make $(TASK) PYTHON=python'

## in-debian     make TASK="..." in a container of Debian SUITE with PACKAGES, for what nobody else builds
in-debian:
	docker run --rm -v "$(CURDIR)":/checkout -w /checkout debian:$(SUITE) \
	    sh -c 'apt-get update -q && apt-get install -y -q --no-install-recommends make gcc libc6-dev git $(PACKAGES) && make $(TASK)'

## needs-apt     what lint, sanitize, valgrind, the fuzzers and bench-release need beside gcc, from Debian or Ubuntu
needs-apt:
	sudo apt-get update -q
	sudo apt-get install -y -q clang gcc-mingw-w64-x86-64 valgrind libclang-rt-dev

## workflows     the workflows fit GitHub's schema, hold nothing that zizmor knows to be unsafe, and run make and nothing else
workflows: $(TOOLS)/.ready
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(TOOLS)/bin/zizmor --offline --persona=pedantic --no-progress .github
	$(TOOLS)/bin/python .ci/check_workflows.py

## check-version the package, the head of CHANGELOG.md and the TAG (where one is given) say the same version
check-version:
	@version=$$(sed -n 's/^__version__ = "\(.*\)"$$/\1/p' pickle5/__init__.py); \
	grep -q "^## $$version" CHANGELOG.md || { echo "CHANGELOG.md does not tell of $$version"; exit 1; }; \
	test -z "$(TAG)" || { test "$(TAG)" = "v$$version" && ! grep -q "^## $$version (not released)" CHANGELOG.md; } \
	    || { echo "tagged $(TAG), but the package is $$version, or CHANGELOG.md has it as not released"; exit 1; }; \
	echo "version $$version"

## clean         remove what what building left (not the virtual environments)
clean:
	rm -rf build dist *.egg-info pickle5/*.so pickle5/*.pyd
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

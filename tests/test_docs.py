"""Every example in README.md and docs/ runs, and every link of theirs inside the project leads somewhere.

Blocks that are fenced as `python` make up one program for each page: those with `>>>` are doctests, the others are run, and
say with assert what they show.  Commands and outputs are fenced otherwise, or indented.
"""
import doctest
import pathlib
import re
import sys
import traceback
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md"] + list((ROOT / "docs").glob("*.md"))) if (ROOT / "docs").is_dir() else []
FENCE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples(page):
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start()) + 2, match.group(1)) for match in FENCE.finditer(text)]


PAGES = [page for page in PAGES if examples(page)]
WITH_LINKS = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")) if PAGES else []


def examples_aside(page):
    return re.sub(r"^(```+|~~~+).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def links(page):
    text = re.sub(r"(`+).+?\1", "", examples_aside(page))
    return [link for link in re.findall(r"\]\(<?([^)>\s]+)|^\[[^\]]+\]:\s*(\S+)", text, re.M) for link in link if link]


def anchors(page):
    """The names that the headings of PAGE get on the usual hosts, and in the book."""
    found = []
    for heading in re.findall(r"^#+ +(.+?) *#*$", examples_aside(page), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        same = sum(1 for other in found if re.match(re.escape(name) + r"(-\d+)?$", other))
        found.append("%s-%d" % (name, same) if same else name)
    return found


@pytest.mark.parametrize("page", WITH_LINKS, ids=lambda page: page.name)
def test_links(page):
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue  # `make linkcheck` is for those
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_links_are_found():
    if not PAGES:
        pytest.skip("installed without the docs")
    assert {"docs/faq.md", "docs/img/speed.png", "docs/benchmarks.md"} <= set(links(ROOT / "README.md"))
    assert {"see-it-test-it", "what-runs"} <= set(anchors(ROOT / "README.md"))
    assert "for-programs-that-say-import-pickle" in anchors(ROOT / "docs" / "install.md")


def test_there_are_examples():
    if not (ROOT / "docs").is_dir():
        pytest.skip("installed without the docs")
    assert {"README.md", "outofband.md", "subclassing.md", "faq.md"} <= {page.name for page in PAGES}


def notes_are_printed():
    """Before 3.11 they are only with the exceptiongroup package; doctest compares the last line of an error there."""
    error = ValueError("text")
    error.__notes__ = ["note"]
    return "note" in "".join(traceback.format_exception_only(ValueError, error))


def in_older_words(text):
    return re.sub(r"cannot pickle '(.+)' object", r"can't pickle \1 objects", text)


def run_prompts(code, space, page, line):
    test = doctest.DocTestParser().get_doctest(code, space, page.name, str(page), line - 1)
    for example in test.examples:
        if example.exc_msg and sys.version_info < (3, 11):
            example.exc_msg = example.exc_msg.splitlines(True)[-1 if notes_are_printed() else 0]
        if sys.version_info < (3, 8):  # whose object.__reduce_ex__ has other words
            example.want = in_older_words(example.want)
            example.exc_msg = example.exc_msg and in_older_words(example.exc_msg)
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False)
    space.update(test.globs)  # it worked on a copy
    assert not said, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page, monkeypatch):
    import pickle5
    if pickle5.implementation != "C":
        pytest.skip("the pages show what the engine does")
    if any("import numpy" in code for _, code in examples(page)):
        pytest.importorskip("numpy")
    module = types.ModuleType("examples_of_" + page.stem)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "pickle", sys.modules["pickle"])
    for line, code in examples(page):
        if ">>>" in code:
            run_prompts(code, vars(module), page, line)
        else:
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), vars(module))

"""How Sphinx builds the documentation: `make docs`."""
import re
import sys

sys.path.insert(0, "..")
import pickle5  # noqa: E402

project = "pickle5"
author = "The pickle5 authors"
release = pickle5.__version__
copyright = "The pickle5 authors, BSD-3-Clause"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "pickle5 " + release
nitpicky = True
autodoc_member_order = "bysource"
linkcheck_timeout = 20
linkcheck_retries = 2


def docstring_to_rst(app, what, name, obj, options, lines):
    """Our docstrings are written for help(): lines "name: what it is" become a list."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"^([a-z_]+(?:, [a-z_]+)*): ", r"- **\1**: ", line)


def setup(app):
    app.connect("autodoc-process-docstring", docstring_to_rst)

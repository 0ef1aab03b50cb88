"""How Sphinx builds the documentation: `make docs`."""
import re
import socket
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
# Where the links lead.
HOSTS = ["github.com"]
linkcheck_timeout = 20
linkcheck_retries = 2


def docstring_to_rst(app, what, name, obj, options, lines):
    """Our docstrings are written for help(): lines "name: what it is" become a list."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"^([a-z_]+(?:, [a-z_]+)*): ", r"- **\1**: ", line)


def leave_out_unreachable(app):
    """A machine that cannot reach a host at all cannot say that its pages are gone: `make linkcheck` names it, and goes on."""
    for host in HOSTS if app.builder.name == "linkcheck" else []:
        try:
            socket.create_connection((host, 443), timeout=10).close()
        except OSError as error:
            print("linkcheck: %s cannot be reached from here, its links are not checked (%s)" % (host, error))
            app.config.linkcheck_ignore.append("https://" + host)


def setup(app):
    app.connect("autodoc-process-docstring", docstring_to_rst)
    app.connect("builder-inited", leave_out_unreachable)

"""How Sphinx builds the pages: `make docs`.

The source folder is the repository, so a link between pages, or from a page to a file, is the same here and
where the repository is read: one to a page leads to that page, one to another file to a copy of it, and one
that leads nowhere is an error. What is a page stands in `include_patterns`.
"""

from typing import Any

from sphinx.application import Sphinx

import evocnn

project = "evocnn"
copyright = "evocnn contributors, Apache-2.0"  # noqa: A001 - the name that Sphinx knows
release = version = evocnn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "experiments/*/*.md",
    "benchmarks/*/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
exclude_patterns = [".*", "build", "dist", "runs"]  # not even looked into

myst_heading_anchors = 4  # depth of the headings that links can name, by the rule of forges

default_role = "code"  # docstrings write code in single backticks
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_ivar = True  # attributes as one list, ahead of the members that have docstrings
maximum_signature_line_length = 88

highlight_language = "text"  # of blocks that name none: what commands print
html_theme = "furo"  # reads well on a phone, in dark and in print, and asks no other host for anything
html_theme_options = {"light_css_variables": {"code-font-size": "0.74rem"}}  # 96 columns fit
html_title = "evocnn"
html_copy_source = False
html_show_sphinx = False
html_extra_path = ["site"]  # what leads from the first address to the first page


def _entitle(_: Sphinx, page: str, source: list[str]) -> None:
    """Give tables of fronts, which are all that their files hold, a title."""
    if page.endswith("/front"):
        source[0] = f"# The front of {page.split('/')[1]}\n\n{source[0]}"


def _keep_colons(_: Sphinx, what: str, *rest: Any) -> None:
    """Keep Napoleon from taking what stands ahead of a colon in the docstring of a property for a type."""
    if what == "property":
        rest[-1].insert(0, "")


def _skip_alias(_: Sphinx, _what: str, _name: str, member: object, *_rest: object) -> bool | None:
    """Leave out the fields of named tuples, which Python documents by their number alone."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> None:
    """Connect with Sphinx."""
    app.connect("source-read", _entitle)
    app.connect("autodoc-skip-member", _skip_alias)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)  # Napoleon's is 500

"""The administrator's handbook, shown by the node itself: hospitals have no internet there."""

import re
from importlib.resources import files
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

_HEADING = re.compile(r"<h([23])>(.*?)</h\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_OTHER_DOCUMENT = re.compile(r'<a href="[^":]*\.md[^"]*">(.*?)</a>')  # the node shows one


def handbook() -> Markup:
    """docs/operations.md as HTML, with an anchor at every heading.

    A reason's anchor is the reason: ``#peer-unreachable``.
    """
    # Raw HTML in the text is escaped, links to "javascript:" are dropped: the preset's defaults.
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    html = _OTHER_DOCUMENT.sub(r"<em>\1</em>", renderer.render(_text()))
    return Markup(_HEADING.sub(_with_anchor, html))  # noqa: S704  (our own text)


def _text() -> str:
    packaged = files("mumap_node.node.web").joinpath("operations.md")
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    source_tree = Path(__file__).parents[4] / "docs" / "operations.md"
    return source_tree.read_text(encoding="utf-8")


def _with_anchor(heading: re.Match[str]) -> str:
    level, content = heading.groups()
    words = _TAG.sub("", content).casefold()
    anchor = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    return f'<h{level} id="{anchor}">{content}</h{level}>'

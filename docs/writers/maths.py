"""Equations as MathML, which browsers show without a script: blocks of the language `math` and `$…$`, as GitHub shows them."""

from __future__ import annotations

from typing import Any, Final
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

INLINE: Final = r"(?<![\\$\w])\$(?![\s\d])([^$\n]+?)(?<![\s\\])\$(?!\w)"
"""TeX between dollar signs, which an amount of money is not."""
AFTER_CODE: Final = 185
"""Priority: below that of code in backticks, above that of escapes, which would take TeX's backslashes."""


def format_equation(source: str, language: str, css_class: str, options: Any, md: Any, **kwargs: Any) -> str:
    """A custom fence of pymdownx.superfences. source: TeX."""
    return f'<div class="{css_class}">{convert(source, display="block")}</div>'


class InlineEquation(InlineProcessor):
    """Replaces `$…$` by MathML."""

    def handleMatch(self, match: Any, data: str) -> tuple[str | Element, int, int]:  # type: ignore[override] # noqa: N802
        return self.md.htmlStash.store(convert(match.group(1))), match.start(0), match.end(0)


class Maths(Extension):
    """The extension of Python-Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        md.inlinePatterns.register(InlineEquation(INLINE, md), "maths", AFTER_CODE)


def makeExtension(**options: Any) -> Maths:  # noqa: N802
    return Maths(**options)

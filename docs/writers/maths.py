"""Equations as MathML, which browsers show without a script: fenced blocks of the language `math`, as GitHub shows them."""

from __future__ import annotations

from typing import Any


def format_equation(source: str, language: str, css_class: str, options: Any, md: Any, **kwargs: Any) -> str:
    """A custom fence of pymdownx.superfences. source: TeX."""
    from latex2mathml.converter import convert

    return f'<div class="{css_class}">{convert(source, display="block")}</div>'

"""The page around the cards, and the templates."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bioclip_x.records import Provenance

from .facts import is_italic, plain, plural, visible
from .html_card import Card

MOST_FOUND = 24
"""Taxa that the summary lists by name; the others are counted."""


@cache
def _read(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["italic"] = is_italic
    environment.globals["plural"] = plural
    return environment


def _visible(value: Any) -> Any:
    """What every expression of a template goes through before it is escaped."""
    return visible(value, keep="\n\t") if type(value) is str else value


def script_hash(script: str) -> str:
    """A script's source expression for a content security policy: this script may run and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'"


class Page:
    """Head, cards and foot of one report. Everything that is not a template is escaped."""

    def __init__(self, title: str, provenance: Provenance) -> None:
        self._title, self._provenance = title, provenance
        self._card = _environment().get_template("card.html")

    def head(self, counts: Counter[str], found: Counter[tuple[str, str, str]]) -> str:
        """All above the cards. counts: pictures by outcome. found: pictures by (rank, name, common name)."""
        script, recipe = _read("report.js"), plain(self._provenance.recipe)
        return _environment().get_template("head.html").render(
            title=self._title,
            provenance=self._provenance,
            recipe=yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100),
            counts=counts,
            total=counts.total(),
            found=found.most_common(MOST_FOUND),
            n_found=len(found),
            style=Markup(_read("report.css")),
            script_hash=Markup(script_hash(script)),
        )  # fmt: skip

    def card(self, card: Card, number: int) -> str:
        return self._card.render(card=card, number=number, probabilities=self._provenance.probabilities)

    def foot(self) -> str:
        """All below the cards."""
        return _environment().get_template("foot.html").render(
            provenance=self._provenance, script=Markup(_read("report.js"))
        )  # fmt: skip

"""The templates of the pages: everything they set is escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from bioclip_x_plugins.reports.result_text import escape_controls, is_italic, pluralise


@cache
def read_template(name: str) -> str:
    """A file of the folder `templates`."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


@cache
def make_environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(read_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["italic"] = is_italic
    environment.globals["plural"] = pluralise
    return environment


def _visible(value: Any) -> Any:
    """What every expression of a template goes through before it is escaped."""
    return escape_controls(value, keep="\n\t") if type(value) is str else value


def hash_script(script: str) -> str:
    """A script's source expression for a content security policy: this script may run and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'"

"""`python -m docs.writers`."""

from __future__ import annotations

import runpy
from pathlib import Path

from docs.writers import code_blocks, security
from docs.writers.pages import make_pages

DOCS = Path(__file__).parents[1]


def write_pages() -> None:
    """Writes every generated page, and cuts the code blocks of all pages from their files."""
    for name, text in make_pages().items():
        (DOCS / name).write_text(text, "utf-8")
    runpy.run_path(str(DOCS / "hook_reference.py"), run_name="__main__")
    security.PAGE.write_text(security.fill_page(security.PAGE.read_text("utf-8")), "utf-8")
    for page in code_blocks.list_pages():
        page.write_text(code_blocks.fill_blocks(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write_pages()

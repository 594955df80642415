"""Writes the pages of docs/reference, docs/hooks.md, and the code blocks of all pages, from what they document.

`python -m docs.writers` writes them; `python -m zensical build --clean --strict` builds the site in site/ (see CONTRIBUTING.md).
Tests check that the committed pages are up to date.
"""

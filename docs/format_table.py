"""Writes the table of formats in docs/taxonomy-formats.md from the readers: `python docs/format_table.py`.

A test checks that it is up to date, and that every reader reads its example.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from bioclip_x.hooks.capabilities import FormatExample, TaxonomyReaderCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry, create_registry

PAGE = Path(__file__).with_name("taxonomy-formats.md")
BEGIN = "<!-- Written by docs/format_table.py from the readers; edit their capabilities. -->"
END = "<!-- End of what docs/format_table.py writes. -->"


def get_example(registry: Registry, name: str) -> FormatExample | None:
    """Returns the example that a reader declares."""
    reader = registry.target("taxonomy_readers", name)
    return get_capabilities(reader, TaxonomyReaderCapabilities).example


def list_options(registry: Registry, name: str) -> str:
    """`dag`, `tips`, as in the reader's constructor."""
    parameters = inspect.signature(registry.target("taxonomy_readers", name)).parameters
    return ", ".join(f"`{option}`" for option in parameters if option not in ("args", "kwargs"))


def make_table(registry: Registry) -> Iterator[str]:
    """Yields the lines of the table and of the examples below it."""
    readers = registry.in_order("taxonomy_readers")
    specs = registry.components("taxonomy_readers")
    yield "| `--taxonomy-format` | reads | options |"
    yield "| --- | --- | --- |"
    for name in readers:
        yield f"| [`{name}`](#example-{name}) | {specs[name].spec.summary} | {list_options(registry, name)} |"
    for name in readers:
        yield from ("", f"### Example: {name}")
        example = get_example(registry, name)
        for file, text in example.files.items() if example else ():
            yield from ("", f"`{file}`", "", *(f"    {line}".rstrip() for line in text.splitlines()))


def make_page(page: str, registry: Registry) -> str:
    """Returns the page with a new table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(make_table(registry)).rstrip()
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(make_page(PAGE.read_text("utf-8"), create_registry()), "utf-8")

"""Writes the table in docs/data-sets.md from the readers of published data sets: `python docs/data_set_table.py`.

A test checks that it is up to date.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry, create_registry

PAGE = Path(__file__).with_name("data-sets.md")
BEGIN = "<!-- Written by docs/data_set_table.py from the readers; edit their capabilities. -->"
END = "<!-- End of what docs/data_set_table.py writes. -->"


def list_options(target: object) -> str:
    """`split`, `names`, as in the reader's constructor; root and off_list are those of all."""
    parameters = inspect.signature(target).parameters  # type: ignore[arg-type]
    return ", ".join(f"`{option}`" for option in parameters if option not in ("root", "off_list"))


def make_table(registry: Registry) -> Iterator[str]:
    """Yields the lines of the table."""
    yield "| name | data set | root: the folder, and what is read in it | options | licence |"
    yield "| --- | --- | --- | --- | --- |"
    for name in registry.components("datasets"):
        target = registry.target("datasets", name)
        if source := get_capabilities(target, DatasetCapabilities).published:
            files = ", ".join(f"`{file}`" for file in source.files)
            folder = f"{source.folder}: {files}"
            licence = source.licence or "see its page"
            yield f"| `{name}` | [{source.title}]({source.url}) | {folder} | {list_options(target)} | {licence} |"


def make_page(page: str, registry: Registry) -> str:
    """Returns the page with a new table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(make_table(registry)) + f"\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(make_page(PAGE.read_text("utf-8"), create_registry()), "utf-8")

"""`bioclip-x cache`: shows and clears the cache."""

from __future__ import annotations

import json
import time
from itertools import groupby
from typing import TYPE_CHECKING

import click

from bioclip_x.cli.flags import components_option, table_or_json_option
from bioclip_x.errors import BioclipXError
from bioclip_x.messages import pluralise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bioclip_x.caches import CacheEntry
    from bioclip_x.cli.render.documents import CachedKindDocument, CacheDocument


@click.group(name="cache")
@components_option
def command() -> None:
    """Show or clear the cache: embedded texts, compiled taxonomies, drawings. All of it can be recomputed.

    It takes at most `cache_size` gigabytes (a setting, see `bioclip-x config`); beyond them, what was used least recently is
    deleted.
    """


@command.command()
@components_option
@table_or_json_option
def info(format_: str) -> None:
    """Print where the cache is, what is in it, and its limit."""
    from bioclip_x.caches import list_entries
    from bioclip_x.settings import find_cache_folder, find_cache_limit

    entries = sorted(list_entries(), key=lambda entry: entry.kind)
    kinds = {kind: list(several) for kind, several in groupby(entries, lambda entry: entry.kind)}
    total, limit = sum(entry.n_bytes for entry in entries), find_cache_limit()
    if format_ == "json":
        document: CacheDocument = {
            "folder": str(find_cache_folder()),
            "bytes": total,
            "limit": limit,
            "kinds": {kind: _summarise(several) for kind, several in kinds.items()},
        }
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{find_cache_folder()}: {format_bytes(total)} of at most {format_bytes(limit)}")
    for kind, several in kinds.items():
        row = _summarise(several)
        entries_text = pluralise(len(several), "entry", "entries")
        click.echo(
            f"  {kind}: {entries_text}, {format_bytes(sum(entry.n_bytes for entry in several))}, last used {row['last_used']}"
        )


@command.command()
@components_option
@click.argument("kind", required=False)
def clear(kind: str | None) -> None:
    """Delete what is cached, or only one KIND of it, as `cache info` lists them.

    A command that is running keeps what it is writing.
    """
    from bioclip_x.caches import clear as clear_cache
    from bioclip_x.caches import list_entries

    before = list_entries()
    known = sorted({entry.kind for entry in before})
    if kind is not None and kind not in known:
        raise BioclipXError(f"nothing of the kind {kind!r} is cached; there is {', '.join(known) or 'nothing'}")
    deleted = clear_cache(kind)
    size = format_bytes(sum(entry.n_bytes for entry in deleted))
    click.echo(f"deleted {pluralise(len(deleted), 'entry', 'entries')}, {size}")
    kept = [entry for entry in before if entry not in deleted and kind in (None, entry.kind)]
    if kept:
        raise BioclipXError(f"{pluralise(len(kept), 'entry', 'entries')} cannot be deleted, first {kept[0].path}")


def format_bytes(number: int) -> str:
    """
    >>> format_bytes(1_234_567), format_bytes(20 * 10**9), format_bytes(12)
    ('1.2 MB', '20.0 GB', '12 bytes')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return pluralise(number, "byte")


def _summarise(entries: Sequence[CacheEntry]) -> CachedKindDocument:
    last = max(entry.used_at for entry in entries)
    return {
        "entries": len(entries),
        "bytes": sum(entry.n_bytes for entry in entries),
        "last_used": time.strftime("%Y-%m-%d %H:%M", time.localtime(last)),
    }

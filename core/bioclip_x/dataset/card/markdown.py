"""README.md: the card in the form of Hugging Face's hub, with its metadata in a YAML header.

See https://huggingface.co/docs/hub/datasets-cards, and for the identifiers of licences
https://huggingface.co/docs/hub/repositories-licenses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from bioclip_x.dataset.card.facts import STATUSES, Facts
from bioclip_x.dataset.card.wording import (
    OUTCOME_MEANINGS,
    describe_attribution,
    describe_pictures,
    list_parts,
    name_range,
)
from bioclip_x.messages import escape_controls, pluralise

HUB_LICENCES: Final = frozenset(
    f"cc-{one}"
    for one in (
        "by-2.0", "by-2.5", "by-3.0", "by-4.0", "by-sa-3.0", "by-sa-4.0", "by-nc-2.0", "by-nc-3.0", "by-nc-4.0", "by-nd-4.0",
        "by-nc-nd-3.0", "by-nc-nd-4.0", "by-nc-sa-2.0", "by-nc-sa-3.0", "by-nc-sa-4.0",
    )
) | {"cc0-1.0", "unknown"}  # fmt: skip
"""Identifiers of the hub that `licences.normalise_licence` may give, in lower case."""
SIZES: Final = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"),
)  # fmt: skip
_ACTIVE: Final = re.compile(r"[\\`*_\[\]|~$#!]")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: Any) -> str:
    """Returns a text that Markdown shows as it is, in one line of a table.

    >>> escape("<b>|_a_")
    '&lt;b&gt;\\\\|\\\\_a\\\\_'
    """
    plain = _ACTIVE.sub(r"\\\g<0>", escape_controls(str(text)))
    plain = re.sub("[&<>]", lambda one: _ENTITIES[one[0]], plain)
    return re.sub(r"(?i)(://|\bwww\.)", lambda one: one[0][0] + "<!---->" + one[0][1:], plain)  # no link of its own


def format_markdown(facts: Facts) -> str:
    header = yaml.safe_dump(_make_header(facts), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{header}---\n\n" + "\n".join(_list_lines(facts)) + "\n"


def _make_header(facts: Facts) -> dict[str, Any]:
    names = {name if (name := one.name.lower()) in HUB_LICENCES else "other" for one in facts.licences}
    header: dict[str, Any] = {"pretty_name": escape_controls(facts.title), "license": sorted(names) or ["unknown"]}
    if "other" in names:
        header |= {"license_name": "of-each-image", "license_link": "README.md"}
    header |= {
        "task_categories": ["image-classification", "zero-shot-image-classification"],
        "tags": ["biology", "biodiversity", "taxonomy", "images", "bioclip-x"],
        "size_categories": [next((name for most, name in SIZES if facts.used < most), "n>1T")],
    }
    splits = [name for name, *_ in facts.splits if re.fullmatch(r"\w+", name)]
    if splits:
        files = [{"split": name, "path": f"shards/{name}-*.tar"} for name in splits]
        header["configs"] = [{"config_name": "default", "data_files": files}]
    return header


def _list_lines(facts: Facts) -> Iterator[str]:
    yield f"# {escape(facts.title)}"
    yield ""
    yield describe_pictures(facts)
    yield ""
    yield "`card.html` in this folder shows the same with a map of the taxa."
    for title, lines in (
        ("Sources", _list_sources(facts)),
        ("What became of the images", _list_outcomes(facts)),
        ("Names", _list_names(facts)),
        ("Taxa", _list_taxa(facts)),
        ("Licences", _list_licences(facts)),
        ("Splits", _list_splits(facts)),
        ("Held out", _list_held_out(facts)),
        ("Duplicates", _list_duplicates(facts)),
        ("Contradictions", _list_conflicts(facts)),
        ("Files", _list_files(facts)),
        ("How to train", _list_training(facts)),
        ("How it was built", _list_build(facts)),
    ):
        yield from ("", f"## {title}", "")
        yield from lines


def _list_sources(facts: Facts) -> Iterator[str]:
    rows = [
        (
            escape(one.name) + (" (test set, held out)" if one.is_test_set else ""),
            escape(one.reader),
            _count(one.images),
            _count(one.outcomes.get("used", 0)),
            escape(list_parts(one.licences)) or "–",
        )
        for one in facts.sources
    ]
    yield from _table(("source", "reader", "#images", "#used", "licences of those used"), rows)


def _list_outcomes(facts: Facts) -> Iterator[str]:
    yield "Every image of the sources has one outcome:"
    yield ""
    rows = [(name, OUTCOME_MEANINGS[name], _count(number)) for name, number in facts.outcomes.items()]
    yield from _table(("outcome", "", "#images"), [*rows, ("**all**", "", f"**{_count(facts.images)}**")])
    if facts.reasons:
        yield from ("", "The commonest reasons:", "")
        yield from _table(
            ("outcome", "reason", "#images"), [(o, escape(reason), _count(n)) for o, reason, n in facts.reasons]
        )


def _list_names(facts: Facts) -> Iterator[str]:
    yield "Names were looked up in these taxonomies, of which an earlier one is trusted more:"
    yield ""
    yield from _table(
        ("#", "taxonomy", "#images that it named"),
        [(place, escape(name), _count(n)) for place, (name, n) in enumerate(facts.taxonomies, 1)],
    )
    yield ""
    yield "Images by what is known of their taxon: full, all seven ranks; partial, fewer; ambiguous, several taxa have the name;"
    yield "lost, none has."
    yield ""
    yield from _table(
        ("source", *(f"#{status}" for status in STATUSES)),
        [(escape(one.name), *(_count(one.statuses.get(s, 0)) for s in STATUSES)) for one in facts.sources],
    )


def _list_taxa(facts: Facts) -> Iterator[str]:
    yield "Of the images that are used:"
    yield ""
    yield from _table(("rank", "#taxa", "#images"), [(rank, _count(t), _count(n)) for rank, t, n in facts.ranks])
    if facts.quartiles:
        least, lower, median, upper, most = (f"{value:,.6g}" for value in facts.quartiles)
        yield ""
        yield f"Images per species: median {median}, quartiles {lower} and {upper}, from {least} to {most};"
        yield f"{pluralise(facts.singletons, 'species has', 'species have')} one image."
        yield ""
        rows = [(name_range(power), _count(n)) for power, n in enumerate(facts.histogram)]
        yield from _table(("#images per species", "#species"), rows)


def _list_licences(facts: Facts) -> Iterator[str]:
    yield describe_attribution(facts)
    yield ""
    yield from _table(
        ("licence", "#images used", "#rights holders", "#images without one"),
        [(escape(o.name), _count(o.images), _count(o.holders), _count(o.unattributed)) for o in facts.licences],
    )
    if facts.holders:
        yield from ("", "Rights holders of the most images:", "")
        yield from _table(("rights holder", "#images"), [(escape(name), _count(n)) for name, n in facts.holders])


def _list_splits(facts: Facts) -> Iterator[str]:
    yield from _table(
        ("split", "#images", "#species", "#shards"),
        [(escape(name), *map(_count, numbers)) for name, *numbers in facts.splits],
    )


def _list_held_out(facts: Facts) -> Iterator[str]:
    if not facts.held_out:
        yield "Nothing is held out."
        return
    yield "These images must not be trained on, and are in no shard:"
    yield ""
    yield from _table(
        ("reason", "#images", "#species"), [(escape(reason), _count(n), _count(s)) for reason, n, s in facts.held_out]
    )


def _list_duplicates(facts: Facts) -> Iterator[str]:
    if not facts.duplicates:
        yield "None were found."
        return
    yield "Of images that are the same, one is used:"
    yield ""
    yield from _table(
        ("kind", "#duplicates", "#of another taxon than the image that is kept"),
        [(escape(kind), _count(n), _count(other)) for kind, n, other in facts.duplicates],
    )


def _list_conflicts(facts: Facts) -> Iterator[str]:
    total = sum(one.conflicts for one in facts.sources)
    if not total:
        yield "No source contradicts the taxonomies."
        return
    yield f"{pluralise(total, 'image')} of which sources or taxonomies say different things (column `conflict`):"
    yield ""
    yield from _table(
        ("source", "#images"), [(escape(one.name), _count(one.conflicts)) for one in facts.sources if one.conflicts]
    )
    yield from ("", "The commonest:", "")
    yield from _table(("contradiction", "#images"), [(escape(text), _count(n)) for text, n in facts.conflicts])


def _list_files(facts: Facts) -> Iterator[str]:
    yield from _table(("file", ""), [(f"`{name}`", content) for name, content in facts.files])
    yield from ("", "Columns of `catalogue.parquet`:", "")
    yield from _table(("column", "type", ""), [(f"`{name}`", kind, content) for name, kind, content in facts.columns])


def _list_training(facts: Facts) -> Iterator[str]:
    if not any(name == "train.yaml" for name, _ in facts.files):
        yield "There are too few images to train on."
        return
    yield "    pip install bioclip-x"
    yield "    bioclip-x train train.yaml"


def _list_build(facts: Facts) -> Iterator[str]:
    yield f"By bioclip-x {facts.version} (`bioclip-x dataset build`), with the seed {facts.seed} and these settings, without the"
    yield "folders, addresses and options of what was read:"
    yield ""
    for line in yaml.safe_dump(dict(facts.settings), sort_keys=False, width=10_000).splitlines():
        yield f"    {line}"


def _count(number: int) -> str:
    return f"{number:,}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Formats a table of escaped cells. head: a name that begins with # and continues is of numbers, set to the right."""
    is_number = [len(name) > 1 and name.startswith("#") for name in head]
    yield f"| {' | '.join(name[1:] if number else name for name, number in zip(head, is_number))} |"
    yield f"|{'|'.join(' ---: ' if number else ' --- ' for number in is_number)}|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"

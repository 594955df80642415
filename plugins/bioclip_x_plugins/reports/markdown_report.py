"""Markdown: a section per image, for a notebook, an issue or a supplement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from bioclip_x.plugin import (
    Explanation,
    Prediction,
    PromptContribution,
    Provenance,
    ReportCapabilities,
    Result,
    Step,
    open_output,
)
from bioclip_x_plugins.reports.explanation_text import (
    describe_baseline,
    describe_margin,
    describe_source,
    format_amount,
    list_nearest_images,
    list_shared_contributions,
    select_shown_remainders,
    split_own_contributions,
    split_strongest,
)
from bioclip_x_plugins.reports.result_text import (
    add_metadata_note,
    describe_contribution,
    describe_region,
    escape_controls,
    find_italic_names,
    find_language,
    format_common_name_beside,
    format_cosine,
    format_percent,
    format_plugins,
    format_recipe,
    format_signed,
    has_descriptors,
    has_italic_classes,
    is_italic,
    pluralise,
)

BAR: Final = 10
"""Cells of the longest bar."""
_ESCAPES: Final = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_{}[]#!"}
    | {character: f"&#{ord(character)};" for character in "<>&|~$@"}
)


class MarkdownReport:
    """What each image shows, where that lies on the tree, and why, as tables.

    strongest: descriptors to show of the winner and of the runner-up; the others are summed up. metadata: show what is known
    of the images, such as date and place.
    """

    capabilities = ReportCapabilities(suffixes=(".md", ".markdown"))

    def __init__(self, *, strongest: Annotated[int, Field(ge=1)] = 10, metadata: bool = False) -> None:
        self.strongest, self.metadata = strongest, metadata

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, keep_partial=True) as stream:
            writer = _Writer(stream, provenance, self.strongest, self.metadata)
            writer.put(_heading(provenance))
            yield writer
            writer.put(_provenance(provenance))


class _Writer:
    def __init__(self, stream: Any, provenance: Provenance, strongest: int, metadata: bool) -> None:
        self._metadata = metadata
        self._stream, self._language, self._strongest = stream, find_language(provenance), strongest
        self._italic_classes = has_italic_classes(provenance)

    def write(self, result: Result) -> None:
        result = add_metadata_note(result) if self._metadata else result
        self.put(_section(result, self._language, self._strongest, self._italic_classes))

    def put(self, blocks: Iterable[str]) -> None:
        """Blocks, a blank line after each."""
        self._stream.write("".join(f"{block}\n\n" for block in blocks))


def escape(text: str) -> str:
    """Text that stays text: no markup, no link, no HTML, no end of a table's cell; control characters are spelt out.

    >>> escape("<b>a|b</b> *c* www.d.org http://e.org")
    '&#60;b&#62;a&#124;b&#60;/b&#62; \\\\*c\\\\* www&#46;d.org http&#58;//e.org'
    """
    clean = escape_controls(text).translate(_ESCAPES)
    return clean.replace("://", "&#58;//").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")


def _heading(provenance: Provenance) -> Iterator[str]:
    yield "# What the images show"
    if provenance.demo:
        yield f"> **Demonstration model.** {escape(provenance.demo)}"


def _section(result: Result, language: str, strongest: int, italic_classes: bool) -> Iterator[str]:
    yield from _title(result)
    if not result.predictions:
        state, reason = ("failed", result.error) if result.error else ("not named", result.refused)
        yield f"**{state}**: {escape(reason)}"
        return
    best, *others = result.predictions
    yield f"**{_line(best, language)}**"
    if len(best.path) > 1:
        yield _table(("rank", "taxon", "share"), "llr", map(_step, best.path))
    if flags := [winner for winner in result.ranks if not winner.on_path]:
        rows = (
            (
                escape(one.rank),
                _taxon(one.taxon.name, one.taxon.rank) if one.taxon else "",
                format_percent(one.probability),
            )
            for one in flags
        )
        yield _table(("rank", "the largest, elsewhere", "share"), "llr", rows)
    if others:
        ranked = ((str(place), _line(one, language)) for place, one in enumerate(others, start=2))
        yield _table(("", "next best"), "rl", ranked)
    if result.explanation:
        level = "####" if result.region else "###"
        yield from _why(result.explanation, strongest, find_italic_names(result), italic_classes, level)


def _title(result: Result) -> Iterator[str]:
    """Of an image or an event; and of a box, below that of its image."""
    if result.level == "event":
        yield f"## Event {escape(result.source)}"
        yield _event_images(result)
        return
    if not result.region_number:
        yield f"## {escape(result.source)}"
        if result.notes:
            yield f"Image: {escape('; '.join(result.notes))}."
    if result.region:
        told = describe_region(result.region)
        yield f"### Box {result.region_number + 1}{f': {escape(told)}' if told else ''}"


def _event_images(result: Result) -> str:
    """What each image of an event said."""
    rows = (
        (
            escape(one.source),
            str(one.region + 1),
            "" if one.left_out else format_percent(one.probability),
            "" if one.left_out or one.contribution is None else format_signed(one.contribution),
            escape(one.left_out),
        )
        for one in result.images
    )
    return _table(("image", "box", "share", "margin", "left out"), "lrrrl", rows)


def _line(one: Prediction, language: str) -> str:
    told = [
        _taxon(one.taxon.name, one.taxon.rank),
        escape(format_common_name_beside(one, language)),
        format_percent(one.probability),
    ]
    return ", ".join(filter(None, told))


def _taxon(name: str, rank: str) -> str:
    return _set(name, is_italic(rank))


def _set(name: str, italic: bool) -> str:
    is_word = name[:1].isalnum() and name[-1:].isalnum()  # else the stars might not be read as what they are
    return f"*{escape(name)}*" if italic and is_word else escape(name)


def _step(step: Step) -> tuple[str, ...]:
    return escape(step.rank), _taxon(step.name, step.rank), format_percent(step.probability)


def _why(
    explanation: Explanation, strongest: int, italic: dict[str, bool], italic_classes: bool, level: str
) -> Iterator[str]:
    winner, runner_up, winner_class, runner_up_class = (
        _set(name, italic.get(name, italic_classes)) if name else ""
        for name in (
            explanation.winner, explanation.runner_up, explanation.winner_class, explanation.runner_up_class,
        )
    )  # fmt: skip
    over = f" rather than {runner_up}" if runner_up else ""
    yield f"{level} Why {winner}{over}: {describe_margin(explanation)}"
    if has_descriptors(explanation):
        own = split_own_contributions(explanation)
        reach = max((abs(one.contribution) for side in own for one in side), default=0.0) or 1.0
        for name, side in zip((winner_class, runner_up_class), own):
            if name:
                yield _descriptors(name, side, strongest, reach)
        if baseline := describe_baseline(explanation):
            yield f"Cosine: {baseline}."
        if both := list_shared_contributions(explanation):
            yield _table(("of both", "margin"), "lr", ((escape(phrase), format_signed(net)) for phrase, net in both))
    elif explanation.contributions:
        yield "The texts compared are names."
    if rest := select_shown_remainders(explanation):
        yield _table(
            ("from elsewhere", "margin"), "lr", ((escape(one.label), format_amount(one.contribution)) for one in rest)
        )
    if nearest := list_nearest_images(explanation):
        rows = ((escape(class_name), escape(name), cosine) for class_name, name, cosine in nearest)
        yield _table(("nearest examples", "", "cosine"), "llr", rows)


def _descriptors(name: str, contributions: Sequence[PromptContribution], strongest: int, reach: float) -> str:
    shown, hidden = split_strongest(contributions, strongest)
    rows = [
        (
            escape(describe_contribution(one)),
            escape(describe_source(one)),
            format_cosine(one.similarity),
            format_signed(one.contribution),
            ("█" if one.contribution >= 0 else "░") * round(BAR * abs(one.contribution) / reach),
        )
        for one in shown
    ]
    if not rows:
        rows.append(("nothing that the other has not", "", "", "", ""))
    if hidden:
        rows.append((f"{len(hidden)} more", "", "", format_signed(sum(one.contribution for one in hidden)), ""))
    return _table((name, "", "cosine", "margin", ""), "llrrl", rows)


def _provenance(provenance: Provenance) -> Iterator[str]:
    yield "## Provenance"
    facts = {
        "model": f"{provenance.model}, revision {provenance.revision}",
        "taxonomy": f"{provenance.taxonomy}, {pluralise(provenance.n_classes, 'class', 'classes')}",
        "texts": str(provenance.n_prompts),
        "percent": provenance.probabilities,
        "recipe": format_recipe(provenance.recipe),
        **({"plugins": format_plugins(provenance)} if format_plugins(provenance) else {}),
        "version": f"bioclip-x {provenance.version}",
    }
    told = [*facts.items(), *(("note", note) for note in provenance.notes)]
    yield _table(("", ""), "ll", ((what, escape(text)) for what, text in told))


def _table(heading: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> str:
    """sides: l or r for each column. Cells are Markdown already."""
    ruler = ["---:" if one == "r" else "---" for one in sides]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ruler, *rows))

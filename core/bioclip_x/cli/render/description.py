"""Formats the output of `bioclip-x describe`: prompts and an estimate before a run, tokens and costs after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from bioclip_x.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bioclip_x.describe.estimate import Estimate
    from bioclip_x.describe.questions import Question
    from bioclip_x.prompts import DescriptorSet
    from bioclip_x.taxonomy import Taxonomy

TableOrJson = Literal["table", "json"]
SHOWN: Final = 3
"""Most prompts that --dry-run prints for each kind and rank."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million input and output tokens, in the user's currency; None if not given."""

    each: tuple[float, float] | None

    @classmethod
    def of(cls, price_in: float | None, price_out: float | None) -> Prices:
        if (price_in is None) != (price_out is None):
            raise RecipeError("expected both --price-in and --price-out, or neither; use 0 for free tokens")
        return cls(None if price_in is None or price_out is None else (price_in, price_out))

    def of_estimate(self, estimate: Estimate) -> str:
        """Formats an estimate, with costs if prices are given."""
        if self.each is None:
            return str(estimate)
        most = "" if estimate.most is None else f", at most {self._cost(estimate.prompt_tokens, estimate.most)}"
        return f"{estimate}; cost: about {self._cost(estimate.prompt_tokens, estimate.completion_tokens)}{most}"

    def of_tokens(self, prompt: int | None, completion: int | None) -> str:
        """Formats the tokens of a run as counted by the server, with costs if prices are given."""
        if prompt is None or completion is None:
            return "the server did not count all tokens"
        tokens = f"{prompt:,} tokens in, {completion:,} out"
        return tokens if self.each is None else f"{tokens}; cost: {self._cost(prompt, completion)}"

    def _cost(self, prompt: int, completion: int) -> str:
        from bioclip_x.describe.estimate import compute_cost

        assert self.each is not None
        return f"{compute_cost(prompt, completion, *self.each):,.4f}"


def format_dry_run(questions: Sequence[Question], estimate: Estimate, prices: Prices) -> str:
    """Formats the first prompts of each kind and rank, and the estimate."""
    groups: dict[tuple[str, str], int] = {}
    parts, shown = [], 0
    for question in questions:
        group = (question.kind, question.rank)
        groups[group] = groups.get(group, 0) + 1
        if groups[group] <= SHOWN:
            shown += 1
            kind = "" if question.kind == "descriptor" else f", {question.kind}"
            parts.append(f"--- {question.key}{kind}\n{question.prompt}\n")
    rest = f"; {shown} are shown" if shown < len(questions) else ""
    each = ", ".join(f"{count:,} {rank or 'label'} ({kind})" for (kind, rank), count in groups.items())
    parts.append(f"{len(questions):,} prompts{rest}: {each}")
    parts.append(prices.of_estimate(estimate))
    return "\n".join(parts)


def format_outcome(questions: Sequence[Question], descriptors: DescriptorSet, output: Path, prices: Prices) -> str:
    """Formats the last line of a run."""
    taxa = len({question.key for question in questions})
    noun = "taxa" if "at" in descriptors.provenance else "classes"
    tokens = descriptors.provenance.get("tokens", {})
    used = prices.of_tokens(tokens.get("prompt"), tokens.get("completion"))
    return f"{taxa - len(descriptors.empty_classes):,} of {taxa:,} {noun} described in {output}; {used}"


def print_findings(file: Path, tree: Taxonomy | None, language: str, output: Path | None, format_: TableOrJson) -> bool:
    """Prints what curation finds in a descriptor file. Returns whether anything is dropped, mended or to be asked again.

    output: where to write the curated file.
    """
    from bioclip_x.cli.render.curation import print_checked
    from bioclip_x.describe.check import check_file
    from bioclip_x.describe.descriptor_file import write_descriptor_file

    if output is not None and output.exists():
        raise RecipeError(f"{output} exists; --check does not overwrite files, give another --output")
    checked = check_file(file, tree, language=language)
    print_checked(checked, format_)
    if output is not None:
        write_descriptor_file(output, checked.curated.descriptors)
    return bool(checked.curated.to_ask_again) or any(finding.done != "told" for finding in checked.findings)

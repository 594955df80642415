"""What `bioclip-x describe` prints of a run: before it the prompts and an estimate, after it what it took."""

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
"""Prompts that --dry-run prints of each kind at each rank."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens sent and answered, in the user's currency; None where none are given."""

    each: tuple[float, float] | None

    @classmethod
    def of(cls, price_in: float | None, price_out: float | None) -> Prices:
        if (price_in is None) != (price_out is None):
            raise RecipeError("expected both --price-in and --price-out, or neither; 0 for what is free")
        return cls(None if price_in is None or price_out is None else (price_in, price_out))

    def of_estimate(self, ahead: Estimate) -> str:
        """What a run will take, and cost where prices are given."""
        if self.each is None:
            return str(ahead)
        most = "" if ahead.most is None else f", at most {self._cost(ahead.prompt_tokens, ahead.most)}"
        return f"{ahead}; cost: about {self._cost(ahead.prompt_tokens, ahead.completion_tokens)}{most}"

    def of_tokens(self, prompt: int | None, completion: int | None) -> str:
        """What a run took, as the server counted, and what that cost."""
        if prompt is None or completion is None:
            return "the server did not count all tokens"
        told = f"{prompt:,} tokens in, {completion:,} out"
        return told if self.each is None else f"{told}; cost: {self._cost(prompt, completion)}"

    def _cost(self, prompt: int, completion: int) -> str:
        from bioclip_x.describe.estimate import compute_cost

        assert self.each is not None
        return f"{compute_cost(prompt, completion, *self.each):,.4f}"


def format_dry_run(asked: Sequence[Question], ahead: Estimate, prices: Prices) -> str:
    """The first prompts of each kind at each rank, and the estimate."""
    groups: dict[tuple[str, str], int] = {}
    parts, shown = [], 0
    for question in asked:
        group = (question.kind, question.rank)
        groups[group] = groups.get(group, 0) + 1
        if groups[group] <= SHOWN:
            shown += 1
            kind = "" if question.kind == "descriptor" else f", {question.kind}"
            parts.append(f"--- {question.key}{kind}\n{question.prompt}\n")
    rest = f"; {shown} are shown" if shown < len(asked) else ""
    each = ", ".join(f"{count:,} {rank or 'label'} ({kind})" for (kind, rank), count in groups.items())
    parts.append(f"{len(asked):,} prompts{rest}: {each}")
    parts.append(prices.of_estimate(ahead))
    return "\n".join(parts)


def format_outcome(asked: Sequence[Question], written: DescriptorSet, output: Path, prices: Prices) -> str:
    """The last line of a run."""
    taxa = len({question.key for question in asked})
    noun = "taxa" if "at" in written.provenance else "classes"
    tokens = written.provenance.get("tokens", {})
    used = prices.of_tokens(tokens.get("prompt"), tokens.get("completion"))
    return f"{taxa - len(written.empty_classes):,} of {taxa:,} {noun} described in {output}; {used}"


def print_findings(file: Path, tree: Taxonomy | None, language: str, output: Path | None, format_: TableOrJson) -> bool:
    """Prints what curation finds in a descriptor file. Returns whether something is to be done about it, beyond what is
    only told. output: the file, curated."""
    from bioclip_x.cli.render.curation import print_checked
    from bioclip_x.describe.check import check_file
    from bioclip_x.describe.descriptor_file import write_descriptor_file

    if output is not None and output.exists():
        raise RecipeError(f"{output} exists; --check writes no file over another")
    checked = check_file(file, tree, language=language)
    print_checked(checked, format_)
    if output is not None:
        write_descriptor_file(output, checked.curated.descriptors)
    return bool(checked.curated.to_ask_again) or any(finding.done != "told" for finding in checked.findings)

"""A control: every class has the descriptors of another (Roth et al., ICCV 2023, arXiv 2306.07282, shuffle them)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from bioclip_x.plugin import (
    DescriptorError,
    PromptSet,
    RecipeError,
    Taxonomy,
    TextBuilderCapabilities,
    TextRequest,
    list_some,
)
from bioclip_x_plugins.text.class_descriptors import FLAG_OPTIONS, ClassPhrases, Inherit, Kinds, find_descriptors
from bioclip_x_plugins.text.phrases import NameSource, SentenceWriter, Style
from bioclip_x_plugins.text.seeded_random import draw_derangement, make_class_keys


class Swapped:
    """As the text builder `descriptors`, with the descriptors exchanged between classes.

    seed: determines the exchange, together with the class names. within: a rank; classes then exchange with others of the
    same taxon at that rank, if there are any. style, name, kinds, inherit: as for `descriptors`; inherited descriptors are
    exchanged as well.
    """

    capabilities = TextBuilderCapabilities(pooling="mean", seed_option="seed", flag_options=FLAG_OPTIONS)

    def __init__(
        self,
        *,
        seed: int = 0,
        within: str | None = None,
        style: Style | None = None,
        name: NameSource = "common",
        kinds: Kinds = "descriptor",
        inherit: Inherit = 0.0,
    ) -> None:
        self.seed = seed
        self.within = within
        self.writer = SentenceWriter(style, name)
        self.kinds = kinds
        self.inherit = inherit

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError as `descriptors` does, and if there is nothing to exchange."""
        phrases_of, notes = find_descriptors(request, self.kinds, self.inherit)
        described = {c: one.phrases for c, one in phrases_of.items() if one.phrases}
        # Sets, since the order of descriptors does not matter.
        traits = {c: frozenset((one.entry.kind, one.entry.phrase) for one in own) for c, own in described.items()}
        giver: dict[int, int] = {}
        exchange_notes: list[str] = []
        if not request.of_inner_taxa or len(set(traits.values())) > 1:
            giver, exchange_notes = exchange_descriptors(request.taxonomy, traits, self.within, self.seed)
        for c, other in giver.items():
            giver_name = request.taxonomy.class_taxon(other).name
            phrases = (
                replace(one, kind=f"swapped {one.kind}", source=f"{one.source}, of {giver_name}", taxon="", rank="")
                for one in described[other]
            )
            phrases_of[c] = ClassPhrases(phrases_of[c].key, tuple(phrases))
        note = "a control: the descriptors are those of other classes (swapped); explanations are meaningless"
        return PromptSet(self.writer.write(request, phrases_of), (note, *notes, *exchange_notes))


def exchange_descriptors(
    taxonomy: Taxonomy, traits: Mapping[int, Hashable], within: str | None, seed: int
) -> tuple[dict[int, int], list[str]]:
    """Returns class → the class whose descriptors it gets, one to one, and notes on deviations from the request.

    traits: the descriptors of each class; classes with equal traits exchange with each other only if unavoidable.
    """
    if len(set(traits.values())) < 2:
        raise DescriptorError("to swap descriptors, at least two classes must differ in them")
    groups, across = _group_classes(taxonomy, traits, within)
    keys = make_class_keys(taxonomy)
    class_of = {keys[c]: c for c in traits}
    giver: dict[int, int] = {}
    for group in groups:
        exchanged = draw_derangement({keys[c]: traits[c] for c in group}, seed)
        giver |= {class_of[key]: class_of[other] for key, other in exchanged.items()}
    notes = []
    if across:
        names = list_some([taxonomy.class_taxon(c).name for c in across])
        notes.append(
            f"{len(across)} of {len(traits)} classes swapped descriptors across their {within}, which has no other class "
            f"for some of them: {names}"
        )
    same = [taxonomy.class_taxon(c).name for c in sorted(giver) if traits[c] == traits[giver[c]]]
    if same:
        notes.append(f"{len(same)} classes got descriptors that equal their own: {list_some(same)}")
    return {c: giver[c] for c in traits}, notes


def _group_classes(
    taxonomy: Taxonomy, traits: Mapping[int, Hashable], rank: str | None
) -> tuple[list[list[int]], list[int]]:
    """Groups classes by their taxon at a rank; the last group, also returned separately, has those without a partner."""
    if rank is None:
        return [sorted(traits)], []
    lineages = {c: taxonomy.class_taxon(c).lineage for c in sorted(traits)}
    ranks = dict.fromkeys(name for lineage in lineages.values() for name, _ in lineage)
    if rank not in ranks:
        raise RecipeError(f"swapped: no class has a {rank!r} to swap within; ranks: {', '.join(ranks) or 'none'}")
    by_taxon: dict[Hashable, list[int]] = defaultdict(list)
    for c, lineage in lineages.items():
        depth = next((i for i, (name, _) in enumerate(lineage) if name == rank), None)
        by_taxon[None if depth is None else lineage[: depth + 1]].append(c)
    rest = by_taxon.pop(None, [])
    rest += [c for group in by_taxon.values() if not _differ(group, traits) for c in group]
    groups = sorted((group for group in by_taxon.values() if _differ(group, traits)), key=len)
    while rest and not _differ(rest, traits):  # such as a single class: merged with the smallest group
        rest += groups.pop(0)
    return [*groups, *([rest] if rest else [])], sorted(rest)


def _differ(classes: Sequence[int], traits: Mapping[int, Hashable]) -> bool:
    return len({traits[c] for c in classes}) > 1

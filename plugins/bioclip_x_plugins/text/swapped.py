"""A control: every class with the descriptors of another (Roth et al., ICCV 2023, arXiv 2306.07282, shuffle them)."""

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
from bioclip_x_plugins.text.class_descriptors import FLAG_OPTIONS, Inherit, Kinds, Said, find_descriptors
from bioclip_x_plugins.text.phrases import Called, Style, Wording
from bioclip_x_plugins.text.seeded_random import draw_derangement, make_class_keys


class Swapped:
    """As the text builder `descriptors`, but the classes have exchanged their descriptors.

    seed: who gets whose follows from it and from the names of the classes. within: a rank; classes then exchange with
    others of the same taxon at that rank, as far as there are any. style, name, kinds, inherit: as for `descriptors`;
    what is inherited is exchanged with the rest.
    """

    capabilities = TextBuilderCapabilities(pooling="mean", seed_option="seed", flag_options=FLAG_OPTIONS)

    def __init__(
        self,
        *,
        seed: int = 0,
        within: str | None = None,
        style: Style | None = None,
        name: Called = "common",
        kinds: Kinds = "descriptor",
        inherit: Inherit = 0.0,
    ) -> None:
        self.seed = seed
        self.within = within
        self.wording = Wording(style, name)
        self.kinds = kinds
        self.inherit = inherit

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError as `descriptors` does, and where there is nothing to exchange."""
        found, notes = find_descriptors(request, self.kinds, self.inherit)
        described = {c: one.phrases for c, one in found.items() if one.phrases}
        # As sets: the same descriptors in another order are the same.
        traits = {c: frozenset((one.entry.kind, one.entry.phrase) for one in own) for c, own in described.items()}
        giver, doubts = exchange_descriptors(request.taxonomy, traits, self.within, self.seed)
        for c, other in giver.items():
            whose = request.taxonomy.class_taxon(other).name
            phrases = (
                replace(one, kind=f"swapped {one.kind}", source=f"{one.source}, of {whose}", taxon="", rank="")
                for one in described[other]
            )
            found[c] = Said(found[c].key, tuple(phrases))
        told = "a control: the descriptors are those of other classes (swapped), and explain nothing"
        return PromptSet(self.wording.write(request, found), (told, *notes, *doubts))


def exchange_descriptors(
    taxonomy: Taxonomy, traits: Mapping[int, Hashable], within: str | None, seed: int
) -> tuple[dict[int, int], list[str]]:
    """Class → the class whose descriptors it gets, one to one, and notes on those that could not exchange as asked.

    traits: what of a class is exchanged; those of equal traits exchange with each other only where it cannot be helped.
    """
    if len(set(traits.values())) < 2:
        raise DescriptorError("to swap descriptors, at least two classes must differ in them")
    groups, across = _groups(taxonomy, traits, within)
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
            f"{len(across)} of {len(traits)} classes swapped descriptors across their {within}, which has no other for "
            f"some of them: {names}"
        )
    same = [taxonomy.class_taxon(c).name for c in sorted(giver) if traits[c] == traits[giver[c]]]
    if same:
        notes.append(f"{len(same)} classes got descriptors that equal their own: {list_some(same)}")
    return {c: giver[c] for c in traits}, notes


def _groups(taxonomy: Taxonomy, traits: Mapping[int, Hashable], rank: str | None) -> tuple[list[list[int]], list[int]]:
    """The classes by their taxon at a rank, and those that have none there to exchange with: the last group, if any."""
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
    while rest and not _differ(rest, traits):  # a single class, say: the smallest group exchanges with it
        rest += groups.pop(0)
    return [*groups, *([rest] if rest else [])], sorted(rest)


def _differ(classes: Sequence[int], traits: Mapping[int, Hashable]) -> bool:
    return len({traits[c] for c in classes}) > 1

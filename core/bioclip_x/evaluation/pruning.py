"""Descriptors that do nothing for a data set, dropped: decided on one half of the images, told of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.errors import DescriptorError
from bioclip_x.evaluation.descriptor_statistics import FEWEST, count_changes, make_share
from bioclip_x.evaluation.descriptor_usefulness import (
    Sorted,
    find_best_two,
    iterate_class_use,
    refuse_without_descriptors,
)
from bioclip_x.evaluation.labelled_images import LabelledImages, split_in_halves
from bioclip_x.prompts import DescriptorSet, load_descriptors
from bioclip_x.records import TextBank
from bioclip_x.records.descriptor_usefulness import ClassUse, DescriptorUse, Pruning
from bioclip_x.registry import Registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.resolver import Resolver
from bioclip_x.text_bank.class_prompts import make_text_request, write_prompts

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

Entry = tuple[int, str, str]
"""One line of a descriptor file: the node it is said of, its kind and its phrase."""


@torch.inference_mode()
def prune(
    classifier: Classifier, registry: Registry, pictures: LabelledImages, source: str, *, least: float, seed: int
) -> tuple[DescriptorSet, Pruning]:
    """The descriptors without those that do nothing, and what that does to names of the half that had no part in it.

    A descriptor is dropped if its AUROC from siblings is `least` or less, and no fewer images are right without it. One that
    several classes inherit must do nothing for all; each class keeps its best; and a class of fewer than `FEWEST` deciding
    images keeps all.

    source: what outputs call the images. seed: of the split. Raises DescriptorError for a classifier without a descriptor
    file, and where there are too few images for two halves.
    """
    refuse_without_descriptors(classifier)
    whole = _read(classifier)
    deciding, held_out = split_in_halves(pictures.class_n, seed)
    if not len(held_out):
        raise DescriptorError(
            f"{source} has {len(deciding)} usable image of listed classes: there is no other half to tell the accuracy of"
        )
    uses = list(iterate_class_use(classifier, Sorted.of(pictures, deciding)))
    dropped, judged = select_dropped_entries(classifier.taxonomy, uses, least)
    kept, n_entries, n_dropped = _without(whole, classifier.taxonomy, dropped)
    held = Sorted.of(pictures, held_out)
    bank = _bank(classifier, registry, kept)
    right, right_after = (find_best_two(held.logits(classifier, of)).best_N == held.class_N for of in (None, bank))
    n = len(held_out)
    done = Pruning(
        descriptors=n_entries,
        judged=judged,
        dropped=n_dropped,
        deciding=len(deciding),
        held_out=n,
        seed=seed,
        least=least,
        before=make_share(int(right.sum()), n),
        after=make_share(int(right_after.sum()), n),
        change=count_changes(int((right_after & ~right).sum()), int((right & ~right_after).sum()), n),
    )
    return replace(kept, provenance=_provenance(whole, classifier, source, done)), done


def select_dropped_entries(taxonomy: Taxonomy, uses: Iterable[ClassUse], least: float) -> tuple[frozenset[Entry], int]:
    """What does nothing for any class that it is said of; and of how many entries that was looked at.

    An entry that is said of a class of too few images as well is kept, and not judged.
    """
    wanted: set[Entry] = set()
    unwanted: set[Entry] = set()
    unjudged: set[Entry] = set()
    for one in uses:
        entries = {_entry(taxonomy, one.class_index, use): use for use in one.descriptors}
        if one.pictures < FEWEST or not one.sibling_pictures:
            wanted |= entries.keys()
            unjudged |= entries.keys()
            continue
        useless = {entry for entry, use in entries.items() if _does_nothing(use, least)}
        unwanted |= useless
        wanted |= entries.keys() - useless
        if useless == entries.keys() and entries:
            wanted.add(max(entries, key=lambda entry: _area(entries[entry])))
    return frozenset(unwanted - wanted), len((wanted | unwanted) - unjudged)


def _does_nothing(use: DescriptorUse, least: float) -> bool:
    return _area(use) <= least and use.left_out is not None and use.left_out.fixed >= use.left_out.broken


def _area(use: DescriptorUse) -> float:
    return use.from_siblings.value if use.from_siblings else 0.5


def _entry(taxonomy: Taxonomy, class_index: int, use: DescriptorUse) -> Entry:
    node = int(taxonomy.owner_N[taxonomy.leaf_node_C[class_index]])
    if use.taxon:
        above = reversed(taxonomy.path(node))
        node = next(n for n in above if (taxonomy.names[n], taxonomy.rank(n)) == (use.taxon, use.rank))
    return node, use.kind, use.phrase


def _without(
    descriptors: DescriptorSet, taxonomy: Taxonomy, dropped: frozenset[Entry]
) -> tuple[DescriptorSet, int, int]:
    """The file without them, how many entries it had, and how many went. Names are found as the text builders find them."""
    resolver, class_of_N = Resolver(taxonomy), taxonomy.class_of_N
    classes, n_dropped = {}, 0
    for name, entries in descriptors.classes.items():
        every = resolver.find(name).nodes
        nodes = [node for node in every if class_of_N[node] >= 0] or list(every)
        of_node = nodes[0] if len(nodes) == 1 else -1
        left = tuple(entry for entry in entries if (of_node, entry.kind, entry.phrase) not in dropped)
        n_dropped += len(entries) - len(left)
        classes[name] = left
    return replace(descriptors, classes=classes), sum(map(len, descriptors.classes.values())), n_dropped


def _read(classifier: Classifier) -> DescriptorSet:
    recipe, own = classifier.recipe, classifier.encoder.card.descriptors
    if recipe.descriptors is None and own is None:
        raise DescriptorError("there is no descriptor file to prune: give --descriptors FILE")
    return load_descriptors(recipe.descriptors or own)  # type: ignore[arg-type]


def _bank(classifier: Classifier, registry: Registry, descriptors: DescriptorSet) -> TextBank:
    """What the recipe's text builders make of other descriptors. Texts that are embedded already are not embedded again."""
    recipe, card, bank = classifier.recipe, classifier.encoder.card, classifier.bank
    builders = [registry.make("text_builders", ref.name, ref.options) for ref in recipe.text]
    prompts = write_prompts(builders, make_text_request(classifier.taxonomy, recipe, card, descriptors)).prompts
    rows = {prompt.text: row for row, prompt in enumerate(bank.prompts)}
    new = list(dict.fromkeys(prompt.text for prompt in prompts if prompt.text not in rows))
    embedded_PD = torch.cat([bank.embeddings_PD, classifier.encoder.encode_texts(new)]) if new else bank.embeddings_PD
    rows |= {text: len(bank.prompts) + i for i, text in enumerate(new)}
    return replace(
        bank,
        prompts=prompts,
        embeddings_PD=embedded_PD[[rows[prompt.text] for prompt in prompts]],
        owner_P=np.array([prompt.class_index for prompt in prompts], np.int64),
        weight_P=np.array([prompt.weight for prompt in prompts], np.float32),
        half_PD=None,
        mean_D=None,
        key=f"{bank.key}, pruned",
    )


def _provenance(whole: DescriptorSet, classifier: Classifier, source: str, done: Pruning) -> Mapping[str, Any]:
    """Where the file came from, what decided, and what it did; the whole file's own provenance beside it."""
    card = classifier.encoder.card
    about = {
        "pruned_from": whole.source.replace("\\", "/").rsplit("/", 1)[-1],
        "date": datetime.now(timezone.utc).date().isoformat(),
        "version": __version__,
        "model": f"{card.name} ({card.revision})",
        "texts": [str(ref) for ref in classifier.recipe.text],
        "pooling": classifier.recipe.pooling,
        "data": source,
        "rule": f"AUROC from siblings at most {done.least:g}, and no fewer images right without it, on the deciding half",
        "intervals": "95%: Wilson; of the change Agresti & Min 2005",
        **{name: value for name, value in asdict(done).items() if name not in ("before", "after", "change", "least")},
        "accuracy": dict(_rounded(done)),
    }
    return about | ({"before_pruning": dict(whole.provenance)} if whole.provenance else {})


def _rounded(done: Pruning) -> Iterator[tuple[str, list[float]]]:
    """Value and interval of each, on the held-out half."""
    yield "before", [round(x, 4) for x in (done.before.value, done.before.low, done.before.high)]
    yield "after", [round(x, 4) for x in (done.after.value, done.after.low, done.after.high)]
    yield "change", [round(x, 4) for x in (done.change.change, done.change.low, done.change.high)]

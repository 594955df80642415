"""Drops descriptors that are of no use on a data set: chosen on one half of the images, evaluated on the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.errors import DescriptorError
from bioclip_x.evaluation.descriptors.statistics import FEWEST, count_changes, make_share
from bioclip_x.evaluation.descriptors.usefulness import (
    SortedImages,
    check_has_descriptors,
    find_best_two,
    iterate_class_use,
)
from bioclip_x.evaluation.labelled_images import LabelledImages, split_in_halves
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import pluralise
from bioclip_x.prompts import DescriptorSet, load_descriptors
from bioclip_x.records import TextBank
from bioclip_x.records.evaluation.descriptor_usefulness import ClassUse, DescriptorUse, Pruning
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.labels import match_labels
from bioclip_x.taxonomy.names.resolver import Resolver
from bioclip_x.text_bank.class_prompts import make_text_request, write_prompts

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

Entry = tuple[int, str, str]
"""One entry of a descriptor file: the node that it describes, its kind and its phrase."""


@torch.inference_mode()
def prune(
    classifier: Classifier, registry: Registry, labelled: LabelledImages, source: str, *, least: float, seed: int
) -> tuple[DescriptorSet, Pruning]:
    """Returns the descriptors without the useless ones, and how that changes predictions on the held-out half.

    A descriptor is dropped if its AUROC from siblings is `least` or less and no fewer images are right without it. One that
    several classes inherit must be useless for all of them; each class keeps its best; and a class with fewer than `FEWEST`
    images in the deciding half keeps all.

    source: what outputs call the data set. seed: of the split. Raises DescriptorError for a classifier without a descriptor
    file, and where there are too few images for two halves.
    """
    check_has_descriptors(classifier)
    descriptors = _load_descriptor_file(classifier)
    deciding, held_out = split_in_halves(labelled.class_n, seed)
    if not len(held_out):
        raise DescriptorError(
            f"{source} has {pluralise(len(deciding), 'usable image')} of listed classes; at least 2 are needed, so that one "
            "half is left to evaluate on"
        )
    uses = list(iterate_class_use(classifier, SortedImages.of(labelled, deciding)))
    dropped, judged = select_dropped_entries(classifier.taxonomy, uses, least)
    kept, n_entries, n_dropped = _drop_entries(descriptors, classifier.taxonomy, dropped)
    images = SortedImages.of(labelled, held_out)
    pruned = _embed_descriptors(classifier, registry, kept)
    right, right_after = (
        find_best_two(images.logits(classifier, bank)).best_N == images.class_N for bank in (None, pruned)
    )
    n = len(held_out)
    pruning = Pruning(
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
    return replace(kept, provenance=_make_provenance(descriptors, classifier, source, pruning)), pruning


def select_dropped_entries(taxonomy: Taxonomy, uses: Iterable[ClassUse], least: float) -> tuple[frozenset[Entry], int]:
    """Returns the entries that are useless for every class that has them, and the number of entries judged.

    An entry that a class with too few images also has is kept, and not counted as judged.
    """
    wanted: set[Entry] = set()
    unwanted: set[Entry] = set()
    unjudged: set[Entry] = set()
    for class_use in uses:
        entries = {_make_entry(taxonomy, class_use.class_index, use): use for use in class_use.descriptors}
        if class_use.pictures < FEWEST or not class_use.sibling_pictures:
            wanted |= entries.keys()
            unjudged |= entries.keys()
            continue
        useless = {entry for entry, use in entries.items() if _is_useless(use, least)}
        unwanted |= useless
        wanted |= entries.keys() - useless
        if useless == entries.keys() and entries:
            wanted.add(max(entries, key=lambda entry: _get_sibling_area(entries[entry])))
    return frozenset(unwanted - wanted), len((wanted | unwanted) - unjudged)


def _is_useless(use: DescriptorUse, least: float) -> bool:
    return _get_sibling_area(use) <= least and use.left_out is not None and use.left_out.fixed >= use.left_out.broken


def _get_sibling_area(use: DescriptorUse) -> float:
    return use.from_siblings.value if use.from_siblings else 0.5


def _make_entry(taxonomy: Taxonomy, class_index: int, use: DescriptorUse) -> Entry:
    node = int(taxonomy.owner_N[taxonomy.leaf_node_C[class_index]])
    if use.taxon:
        path = reversed(taxonomy.path(node))
        node = next(n for n in path if (taxonomy.names[n], taxonomy.rank(n)) == (use.taxon, use.rank))
    return node, use.kind, use.phrase


def _drop_entries(
    descriptors: DescriptorSet, taxonomy: Taxonomy, dropped: frozenset[Entry]
) -> tuple[DescriptorSet, int, int]:
    """Returns the descriptors without `dropped`, the number of entries before, and the number dropped.

    Names are resolved as the text builders resolve them, which either match taxa above the classes or do not.
    """
    resolver, class_of_N = Resolver(taxonomy), taxonomy.class_of_N
    nodes_of = match_labels(descriptors.classes, resolver)
    classes, n_dropped = {}, 0
    for name, entries in descriptors.classes.items():
        matches = resolver.find(name).nodes
        nodes = [node for node in matches if class_of_N[node] >= 0] or list(matches)
        described = {found[0] for found in (nodes, nodes_of[name]) if len(found) == 1}
        kept = tuple(
            entry for entry in entries if not any((node, entry.kind, entry.phrase) in dropped for node in described)
        )
        n_dropped += len(entries) - len(kept)
        classes[name] = kept
    return replace(descriptors, classes=classes), sum(map(len, descriptors.classes.values())), n_dropped


def _load_descriptor_file(classifier: Classifier) -> DescriptorSet:
    file = classifier.recipe.descriptors or classifier.encoder.card.descriptors
    if file is None:
        raise DescriptorError("there is no descriptor file to prune; give --descriptors FILE")
    return load_descriptors(file)


def _embed_descriptors(classifier: Classifier, registry: Registry, descriptors: DescriptorSet) -> TextBank:
    """Makes a text bank from other descriptors. Texts that the classifier's own bank has are not embedded again."""
    recipe, card, bank = classifier.recipe, classifier.encoder.card, classifier.bank
    builders = [registry.make("text_builders", ref.name, ref.options) for ref in recipe.text]
    prompts = write_prompts(builders, make_text_request(classifier.taxonomy, recipe, card, descriptors)).prompts
    rows = {prompt.text: row for row, prompt in enumerate(bank.prompts)}
    new = list(dict.fromkeys(prompt.text for prompt in prompts if prompt.text not in rows))
    embeddings_PD = bank.embeddings_PD
    if new:
        embeddings_PD = torch.cat([embeddings_PD, classifier.encoder.encode_texts(new)])
    rows |= {text: len(bank.prompts) + i for i, text in enumerate(new)}
    return replace(
        bank,
        prompts=prompts,
        embeddings_PD=embeddings_PD[[rows[prompt.text] for prompt in prompts]],
        owner_P=np.array([prompt.class_index for prompt in prompts], np.int64),
        weight_P=np.array([prompt.weight for prompt in prompts], np.float32),
        half_PD=None,
        mean_D=None,
        key=f"{bank.key}, pruned",
        content="",
    )


def _make_provenance(
    descriptors: DescriptorSet, classifier: Classifier, source: str, pruning: Pruning
) -> Mapping[str, Any]:
    """Describes how the file was pruned and to what effect; includes the provenance of the original file."""
    card = classifier.encoder.card
    provenance = {
        "pruned_from": descriptors.source.replace("\\", "/").rsplit("/", 1)[-1],
        "date": datetime.now(timezone.utc).date().isoformat(),
        "version": __version__,
        "model": f"{card.name} ({card.revision})",
        "texts": [str(ref) for ref in classifier.recipe.text],
        "pooling": classifier.recipe.pooling,
        "data": source,
        "rule": f"AUROC from siblings at most {pruning.least:g}, and no fewer images right without it, on the deciding half",
        "intervals": "95%, over images: Clopper & Pearson; of the change Gaffke",
        **{
            name: value for name, value in asdict(pruning).items() if name not in ("before", "after", "change", "least")
        },
        "accuracy": dict(_round_accuracies(pruning)),
    }
    return provenance | ({"before_pruning": dict(descriptors.provenance)} if descriptors.provenance else {})


def _round_accuracies(pruning: Pruning) -> Iterator[tuple[str, list[float | None]]]:
    """Yields value and interval of each figure of the held-out half."""
    for name, value, one in (
        ("before", pruning.before.value, pruning.before),
        ("after", pruning.after.value, pruning.after),
        ("change", pruning.change.change, pruning.change),
    ):
        yield name, [None if x is None else round(x, 4) for x in (value, one.low, one.high)]

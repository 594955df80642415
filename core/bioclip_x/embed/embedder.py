"""Embeds images, texts, and the texts of a taxonomy's classes.

Legend: D embedding dimension, P texts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any, Final, TextIO

import torch

from bioclip_x import __version__
from bioclip_x.classes.subset import select_subset
from bioclip_x.classes.taxonomy_files import read_listed_taxonomy, read_own_taxonomy
from bioclip_x.errors import BioclipXError, ComponentError, ImageError, ModelError
from bioclip_x.faults import at_hand, guarded, log_row, naming
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.hooks.registry import Registry
from bioclip_x.images.files import make_image_files
from bioclip_x.images.loading import load_batches
from bioclip_x.images.memory import list_inputs
from bioclip_x.images.places.folders import LeftOut, warn_of_left_out
from bioclip_x.images.sources import check_sources, expand_sources
from bioclip_x.messages import list_some
from bioclip_x.models import load_encoder, load_own_classes, make_family
from bioclip_x.plugin_versions import list_plugins_in_use
from bioclip_x.prompts import load_descriptors
from bioclip_x.recipe import Recipe
from bioclip_x.records import Decoded, Embedding, EmbeddingProvenance, Prompt, Source
from bioclip_x.records.embedding import CLASS_FIELDS, IMAGE_FIELDS, MODEL_FIELDS
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.text_bank.class_prompts import make_text_request, write_prompts

if TYPE_CHECKING:
    from bioclip_x.images.memory import ImageLike

CHUNK: Final = 1024
"""Texts embedded at a time."""
IMAGE_COLUMNS: Final = ("file_name", "image_notes", "error", "refused")
TEXT_COLUMNS: Final = ("text",)
CLASS_COLUMNS: Final = ("text", "kind", "rank", "name", "lineage")


Batches = Iterator[Sequence[Embedding]]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The provenance and the embeddings, which are computed lazily.

    request: what was given, as JSON: image paths, or a digest of the texts. names: yields the name of every row (its first
    column) without computing anything. after: takes the batches that an interrupted run has computed; yields these and then
    the others, in the same batches as an unbroken run. It raises BioclipXError where they are of other images or texts.
    """

    provenance: EmbeddingProvenance
    request: Mapping[str, Any]
    names: Callable[[], Iterable[str]]
    after: Callable[[Batches], Batches]

    @property
    def rows(self) -> Iterator[Embedding]:
        return chain.from_iterable(self.after(iter(())))


class Embedder:
    """Embeds images and texts with a recipe's model.

    normalise: vectors of unit length, else as the model returns them. The model is loaded when it is needed, after all checks
    that do not need it; then BioclipXError is raised where it is not available, or has normalised embeddings only.
    """

    def __init__(self, recipe: Recipe, registry: Registry, *, normalise: bool = True) -> None:
        self.recipe, self._registry, self._normalised = recipe, registry, normalise
        self._family = make_family(registry, recipe)
        self.files = make_image_files(registry, recipe.truncated)
        # Passed on only if False: a model that computes unit vectors only need not support the argument.
        self._normalise: dict[str, Any] = {} if normalise else {"normalise": False}

    @cached_property
    def encoder(self) -> LoadedEncoder:
        if not self._normalised and not self._family.capabilities.raw_embeddings:
            raise ModelError(
                f"the encoder {self._family.name!r} computes normalised embeddings only; leave out --no-normalise"
            )
        return load_encoder(self._family, self.recipe)

    def images(
        self,
        images: ImageLike | Iterable[ImageLike],
        *,
        stdin: TextIO | None = None,
        left_out: LeftOut | None = None,
    ) -> Embedded:
        """Embeds images, one row each, in order; an image that cannot be read has an error and no vector.

        An image that the model declines to name (`refused`) has a vector too. images, stdin, left_out: see
        `Classifier.classify`. Raises ImageError for a folder or pattern without images.
        """
        many = list_inputs(images)
        if isinstance(many, Sequence):
            check_sources(many, self.files)
        listed = many if isinstance(many, Sequence) else ()
        request = {"images": [str(image) if isinstance(image, str | os.PathLike) else "" for image in listed]}
        counts = LeftOut() if left_out is None else left_out

        def embed(earlier: Batches) -> Batches:
            batches = self.embed_sources(expand_sources(many, stdin, self.files, counts), earlier)
            return batches if left_out is not None else warn_of_left_out(batches, counts)

        return Embedded(
            self.make_image_provenance(),
            request,
            lambda: (source.name for source in expand_sources(many, stdin, self.files)),
            embed,
        )

    def make_image_provenance(self) -> EmbeddingProvenance:
        """Makes the provenance of embeddings of images."""
        about = self._make_provenance("pictures", IMAGE_COLUMNS, (*MODEL_FIELDS, *IMAGE_FIELDS))
        return replace(about, preprocessing=dict(self.encoder.card.preprocessing))

    def texts(self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None) -> Embedded:
        """Embeds texts, one row each, unchanged."""
        about = self._make_provenance("texts", TEXT_COLUMNS, MODEL_FIELDS, self._note_truncation(texts))
        return self._start_texts(about, [{"text": text} for text in texts], progress)

    def classes(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Embedded:
        """Embeds the texts that the recipe's builders write for its classes, one row each, without pooling."""
        recipe = self.recipe
        taxonomy = read_listed_taxonomy(self._registry, recipe)
        if taxonomy is None:
            own = load_own_classes(self._family, recipe.model, embeddings=False)
            taxonomy = read_own_taxonomy(self._registry, recipe.model, own)
        taxonomy = select_subset(self._registry, recipe.subset, taxonomy).tree
        builders = [self._registry.make("text_builders", ref.name, ref.options) for ref in recipe.text]
        descriptors = load_descriptors(recipe.descriptors) if recipe.descriptors else None
        written = write_prompts(builders, make_text_request(taxonomy, recipe, self.encoder.card, descriptors))
        notes = (*taxonomy.notes, *written.notes, *self._note_truncation([prompt.text for prompt in written.prompts]))
        about = self._make_provenance("classes", CLASS_COLUMNS, (*MODEL_FIELDS, *CLASS_FIELDS), notes)
        about = replace(about, taxonomy=f"{taxonomy.source} ({taxonomy.fingerprint})")
        return self._start_texts(about, [_make_class_columns(taxonomy, prompt) for prompt in written.prompts], progress)

    def _start_texts(
        self, about: EmbeddingProvenance, rows: Sequence[dict[str, str]], progress: Callable[[int, int], None]
    ) -> Embedded:
        digest = hashlib.sha256("\0".join(row["text"] for row in rows).encode(errors="surrogatepass")).hexdigest()
        return Embedded(
            about,
            {"texts": digest},
            lambda: (row["text"] for row in rows),
            lambda earlier: self._embed_texts(rows, earlier, progress),
        )

    def embed_sources(self, sources: Iterator[Source], earlier: Batches) -> Batches:
        """Yields the embeddings of sources that are expanded already, batch by batch. earlier: as in `Embedded.after`."""
        for done in earlier:
            now = [source.name for source in islice(sources, len(done))]
            before = [row.about["file_name"] for row in done]
            if now != before:
                raise _make_other_error("images", before, now)
            yield done
        decoded = load_batches(
            sources,
            guarded(self.encoder, "preprocess", self.encoder.preprocess),
            batch_size=self.recipe.batch_size,
            workers=self.recipe.workers,
            files=self.files.fitting(self.recipe, self.encoder.card.preprocessing),
        )
        for batch in decoded:
            yield self._embed_or_divide(batch)

    def _embed_or_divide(self, batch: Sequence[Decoded]) -> list[Embedding]:
        """Embeds a batch; if the model fails, image by image, so that only those at which it fails have an error."""
        try:
            with at_hand(list_some([one.source.name for one in batch], 1)):
                return self._embed_batch(batch)
        except (ComponentError, ImageError) as problem:
            if len(batch) > 1:
                return [row for one in batch for row in self._embed_or_divide([one])]
            log_row(problem)
            return self._embed_batch([replace(batch[0], pixels=None, error=str(problem))])

    @torch.inference_mode()
    def _embed_batch(self, batch: Sequence[Decoded]) -> list[Embedding]:
        pixels = [one.pixels for one in batch if one.pixels is not None]
        with naming(self.encoder, "encode_images"):
            features = self.encoder.encode_images(torch.stack(pixels), **self._normalise) if pixels else None
        rows = []
        row = 0
        for one in batch:
            about = {
                "file_name": one.source.name, "image_notes": "; ".join(one.notes), "error": one.error, "refused": "",
            }  # fmt: skip
            vector_D = None
            if one.pixels is not None and features is not None:
                vector_D, about["refused"] = features.embeddings_BD[row], features.refused_B[row]
                row += 1
                if not bool(vector_D.isfinite().all()):
                    vector_D, about["error"] = None, "the embedding is not finite; try --precision fp32"
            rows.append(Embedding(about, None if vector_D is None else vector_D.numpy()))
        return rows

    def _embed_texts(
        self, rows: Sequence[dict[str, str]], earlier: Batches, progress: Callable[[int, int], None]
    ) -> Batches:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            done = next(earlier, None)
            if done is None:
                with naming(self.encoder, "encode_texts", f"the texts from {chunk[0]['text']!r}"):
                    vectors_PD = self.encoder.encode_texts([row["text"] for row in chunk], **self._normalise)
                if not bool(vectors_PD.isfinite().all()):
                    raise ModelError(
                        f"{self.recipe.model}: the embedding of a text is not finite; try --precision fp32"
                    )
                done = [Embedding(row, vector_D) for row, vector_D in zip(chunk, vectors_PD.numpy())]
            elif [dict(row.about) for row in done] != list(chunk):
                raise _make_other_error("texts", [r.about["text"] for r in done], [r["text"] for r in chunk])
            progress(min(start + CHUNK, len(rows)), len(rows))
            yield done

    def _make_provenance(
        self, of: str, columns: tuple[str, ...], fields: Sequence[str], notes: Sequence[str] = ()
    ) -> EmbeddingProvenance:
        card, recipe = self.encoder.card, self.recipe.dump()
        return EmbeddingProvenance(
            version=__version__,
            model=card.name,
            revision=card.revision,
            demo=card.demo,
            of=of,
            columns=columns,
            dim=card.dim,
            normalised=self._normalised,
            precision=card.precision,
            preprocessing=None,
            taxonomy="",
            recipe={field: recipe[field] for field in (*fields, "plugins")},
            notes=tuple(notes),
            plugins=list_plugins_in_use(self._registry, self.recipe),
        )

    def _note_truncation(self, texts: Sequence[str]) -> list[str]:
        limit = self.encoder.card.context_length
        with naming(self.encoder, "count_tokens"):
            n_cut = sum(count > limit for count in self.encoder.count_tokens(texts))
        return (
            [f"{n_cut} of {len(texts)} texts are longer than the model's {limit} tokens and were cut"] if n_cut else []
        )


def _make_other_error(what: str, before: Sequence[str], now: Sequence[str]) -> BioclipXError:
    old, new = next((pair for pair in zip_longest(before, now) if pair[0] != pair[1]), (before[0], now[0]))
    return BioclipXError(
        f"the interrupted run was of other {what}: where it had {old!r} there is now {new or 'nothing'!r}. Restore them, or "
        "start over without --resume"
    )


def _make_class_columns(taxonomy: Taxonomy, prompt: Prompt) -> dict[str, str]:
    taxon = taxonomy.class_taxon(prompt.class_index)
    lineage = "; ".join(name for _, name in taxon.lineage)
    return {"text": prompt.text, "kind": prompt.kind, "rank": taxon.rank, "name": taxon.name, "lineage": lineage}

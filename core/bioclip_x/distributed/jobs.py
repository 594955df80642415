"""What is computed of each partition: results of a classification, or embeddings; written as a Parquet file.

A job is what travels to the workers; `start` loads the model there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from bioclip_x.embed.embedder import Embedder
from bioclip_x.embed.files import format_provenance, open_embeddings
from bioclip_x.embed.resume import simplify
from bioclip_x.hooks.components import Report
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.classifier import Classifier
from bioclip_x.inference.result_journal import make_header
from bioclip_x.inference.sinks import write_all
from bioclip_x.recipe import Recipe
from bioclip_x.records import EmbeddingProvenance, Provenance, Result, Source

Tick = Callable[[], None]
"""Called after each image."""


class StartedJob(Protocol):
    """A job whose model is loaded.

    header: whatever its results depend on, as JSON; all workers of a run must agree in it. provenance: JSON, for the output
    folder. notes: for the user.
    """

    header: dict[str, Any]
    provenance: str
    notes: tuple[str, ...]

    def write(self, sources: Iterable[Source], path: Path, tick: Tick) -> int:
        """Writes the rows of these images to a Parquet file. Returns how many of them failed."""
        ...


class Job(Protocol):
    """What is to be done of a run's images; can be pickled."""

    @property
    def registry(self) -> Registry: ...

    @property
    def recipe(self) -> Recipe: ...

    def start(self) -> StartedJob:
        """Loads the model. Raises BioclipXError."""
        ...


@dataclass(frozen=True)
class ClassifyJob:
    """Classifies images. report: the component that writes Parquet files. notes: on the recipe."""

    registry: Registry
    recipe: Recipe
    report: ComponentRef
    notes: tuple[str, ...] = ()

    def start(self) -> StartedJob:
        classifier = Classifier(registry=self.registry, recipe=self.recipe)
        report = self.registry.make("reports", self.report.name, self.report.options)
        notes = (*self.notes, *classifier.provenance.notes)
        return _Classifying(classifier, report, replace(classifier.provenance, notes=notes))


@dataclass(frozen=True)
class EmbedJob:
    """Embeds images. normalise: vectors of unit length. notes: on the recipe."""

    registry: Registry
    recipe: Recipe
    normalise: bool = True
    notes: tuple[str, ...] = ()

    def start(self) -> StartedJob:
        embedder = Embedder(self.recipe, self.registry, normalise=self.normalise)
        provenance = embedder.make_image_provenance()
        return _Embedding(embedder, replace(provenance, notes=(*self.notes, *provenance.notes)))


class _Classifying:
    def __init__(self, classifier: Classifier, report: Report, provenance: Provenance) -> None:
        self._classifier, self._report, self._about = classifier, report, provenance
        self.header = make_header(provenance, classifier.bank.key, thumbnails=False)
        self.provenance = json.dumps(asdict(provenance), ensure_ascii=False, indent=2, default=str)
        self.notes = provenance.notes

    def write(self, sources: Iterable[Source], path: Path, tick: Tick) -> int:
        def count(results: Iterator[Result]) -> Iterator[Result]:
            for result in results:
                yield result
                if result.is_last_of_image:
                    tick()

        return write_all(self._about, count(self._classifier.classify_sources(sources)), [(self._report, path)])


class _Embedding:
    def __init__(self, embedder: Embedder, provenance: EmbeddingProvenance) -> None:
        self._embedder, self._about = embedder, provenance
        self.provenance = format_provenance(provenance, indent=2)
        self.header = simplify(json.loads(self.provenance))
        self.notes = provenance.notes

    def write(self, sources: Iterable[Source], path: Path, tick: Tick) -> int:
        failed = 0
        with open_embeddings("parquet", path, self._about) as writer:
            for row in chain.from_iterable(self._embedder.embed_sources(iter(sources), iter(()))):
                writer.write(row)
                failed += row.vector_D is None
                tick()
        return failed

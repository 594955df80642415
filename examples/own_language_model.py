"""A language model of your own: here a file of notes, which answers as a model would; no network, and no key.

    bioclip-x describe examples/own-species.csv --plugin examples/own_language_model.py --llm notes:examples/own-notes.csv \\
        --prompt cbd --output my-descriptors.yaml
    bioclip-x classify --taxonomy examples/own-species.csv --descriptors my-descriptors.yaml examples/drawings

For a model that runs on this machine, put its call into `complete`. A plain method is called from as many threads as
`--concurrency` says; an `async def` would be awaited instead, as many at a time.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from bioclip_x.plugin import Answer, ComponentSpec, LanguageModelError, NoAnswerError, Taxon, hookimpl


@hookimpl
def language_models() -> list[ComponentSpec]:
    """Registers the model, which makes `--llm notes:FILE` available."""
    return [ComponentSpec("notes", "answers from a table of notes on species", f"{__name__}:Notes")]


class Notes:
    """Answers with the notes on the taxon that a prompt asks about.

    file: a table of `species` and `notes`, which are separated by "|".
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._notes: dict[str, list[str]] | None = None
        self._lock = Lock()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What the outputs say of the model: no key, no full path."""
        return {"model": self.file.name, "host": "none"}

    def complete(
        self,
        prompt: str,
        *,
        taxon: Taxon | None,
        temperature: float | None,
        max_tokens: int | None,
        schema: Mapping[str, Any] | None,
    ) -> Answer:
        """Returns a list, one note a line. NoAnswerError: this taxon is not in the file, but others may be."""
        notes = self._load().get(taxon.name if taxon else "", [])
        if not notes:
            raise NoAnswerError(
                f"{self.file.name} has no notes on {taxon.name if taxon else 'a prompt without a taxon'}"
            )
        return Answer("\n".join(f"- {note}" for note in notes), finish_reason="stop")

    def close(self) -> None:
        """Has no connection to close."""

    def _load(self) -> dict[str, list[str]]:
        """Reads the file at the first prompt. LanguageModelError: no prompt will be answered."""
        with self._lock:
            if self._notes is None:
                try:
                    with self.file.open(encoding="utf-8-sig", newline="") as stream:
                        rows = list(csv.DictReader(stream))
                    self._notes = {row["species"]: [n.strip() for n in row["notes"].split("|")] for row in rows}
                except (OSError, KeyError, AttributeError) as problem:
                    raise LanguageModelError(f"{self.file} is no table of species and notes: {problem}") from None
            return self._notes

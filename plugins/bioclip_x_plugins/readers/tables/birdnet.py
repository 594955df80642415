"""BirdNET's labels, and lists of species for it: a scientific and a common name per line.

    Parus major_Great Tit
    Human vocal_Human vocal

The language is read from the file's name (`…_Labels_de.txt`). Labels that are no species are left out, with a note.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from bioclip_x.plugin import (
    Column,
    Findings,
    FormatExample,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    list_some,
    name_content,
)
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.tables.build import Rows, from_rows
from bioclip_x_plugins.readers.vocabulary.languages import LANGUAGE_OF_WORD

_LABEL: Final = re.compile(r"([^_\t;|,]+)_([^_\t;|]+)")
_SPECIES: Final = re.compile(r"[A-Z][a-z-]+(?: [a-z-]+){1,2}")
_NOT_TAXA: Final = frozenset({"Human vocal", "Human non-vocal", "Human whistle", "Power tools"})
"""Labels of BirdNET that have the form of a name."""
_SNIFFED_LINES: Final = 20


class BirdNetReader:
    """Reads BirdNET's labels."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "BirdNET_GLOBAL_6K_V2.4_Labels.txt",
            {
                "BirdNET_GLOBAL_6K_V2.4_Labels.txt": "Parus major_Great Tit\nCyanistes caeruleus_Eurasian Blue Tit\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        matches = [_LABEL.fullmatch(line.strip()) for line in split_head_lines(head, _SNIFFED_LINES)]
        n_species = sum(match is not None and bool(_SPECIES.fullmatch(match[1])) for match in matches)
        return all(matches) and 2 * n_species > len(matches)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line for a line that is not a pair of names."""
        findings = Findings(str(path))
        lines, genera, species, common, others = [], [], [], [], []
        for line, text in read_text_lines(path, findings):
            match = _LABEL.fullmatch(text.strip())
            if match is None:
                findings.error("label", f"expected Parus major_Great Tit, got {text.strip()[:60]!r}", line)
            elif not _SPECIES.fullmatch(match[1]) or match[1] in _NOT_TAXA:
                others.append((line, match[1]))
            else:
                lines.append(line)
                genera.append(match[1].split(" ")[0])
                species.append(match[1])
                common.append(match[2] if match[2] != match[1] else "")
        findings.raise_errors()
        if others:
            shown = list_some([repr(name) for _, name in others])
            findings.warn(
                "no taxon", f"labels that are no species are left out: {shown}", others[0][0], times=len(others)
            )
        if not lines:
            raise TaxonomyError(f"{path} names no species; expected lines such as Parus major_Great Tit")
        texts = {"genus": genera, "species": species, f"common_name_{_find_language(name_content(path))}": common}
        columns = {name: Column.of(cells) for name, cells in texts.items()}
        return from_rows(Rows(columns, np.array(lines, np.int32)), findings, source=str(path))


def _find_language(path: Path) -> str:
    code = path.name.split(".")[-2].rpartition("_")[2].lower() if "." in path.name else ""
    return code if len(code) == 2 and code in LANGUAGE_OF_WORD else "en"

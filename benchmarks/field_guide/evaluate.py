"""How well the embedded model names fresh drawings, whether its explanations follow them, and when it keeps silent.

    python benchmarks/field_guide/evaluate.py [--photographs FOLDER] [--others FOLDER]

Drawings of seeds that nothing was trained or fitted on. Photographs and other hands' images are not part of the project:
each folder below FOLDER is run and its share of refusals reported (`other_pictures.py` makes some for --others).
Writes benchmarks/results/field_guide.json, and its tables into docs/field-guide.md.
These figures are about drawings. They say nothing about photographs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import faithfulness
import naming
from machine import describe
from page import table
from refusals import refused

from bioclip_x import Classifier
from bioclip_x_field_guide.species import load_species

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "field_guide.json"
PAGE = ROOT / "docs" / "field-guide.md"
BEGIN, END = "<!-- figures: written by benchmarks/field_guide/evaluate.py -->", "<!-- end of figures -->"


def measure(photographs: Path | None, others: Path | None) -> dict[str, Any]:
    classifier = Classifier()
    family_of = naming.families([species.name for species in load_species()], classifier)
    folders = {"photographs": photographs, "images by other hands": others}
    return {
        "about": "drawings of the field guide's species, of another seed than any trained on; refused ones are errors",
        "command": "python benchmarks/field_guide/evaluate.py --photographs FOLDER --others FOLDER",
        "model": {"revision": classifier.provenance.revision},
        "species": {group: len(species) for group, species in naming.SPECIES.items()},
        "machine": describe(),
        "naming": {group: naming.figures(group, family_of) for group in naming.SPECIES},
        "faithfulness": faithfulness.figures(classifier.encoder),
        "refused": {kind: refused(folder) for kind, folder in folders.items() if folder},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, help="a folder of folders of photographs")
    parser.add_argument("--others", type=Path, help="a folder of folders of drawings, charts, screenshots")
    options = parser.parse_args()
    results = measure(options.photographs, options.others)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table(results))


if __name__ == "__main__":
    main()

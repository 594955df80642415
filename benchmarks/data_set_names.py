"""Resolves real lists of names, and a million generated ones, as `bioclip-x dataset build` does.

    python benchmarks/data_set_names.py [--data FOLDER] [--only lists|scale]

For each list and each order of taxonomies: what part is full, partial, ambiguous or lost; beside it what TaxonoPy's rules give on
the same trees, restated here as a decision table (`apply_exact_rules`): the most exact term, one source after another; one exact
accepted match, else one exact synonym, else of several the one whose higher ranks agree best with the given; else the next term
up. TaxonoPy itself asks the online service gnverifier, with its sources GBIF, COL and OTOL, its parser and its fuzzy matches,
which are not part of this; a fuzzy match there is taken, here it is a suggestion. What no rule resolves TaxonoPy passes through
as given. Then the time and the peak memory of a million distinct names, each in a process of its own. Writes
benchmarks/results/data_set_names.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from big_tree import make_rows
from machine import describe

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.dataset.names import RankedTaxonomy, resolve_names
from bioclip_x.dataset.names.given import GIVEN_COLUMNS
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import LINNAEAN, Details, Resolver, Taxonomy, TaxonomyBuilder

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "data_set_names.json"
STATUSES = ("full", "partial", "ambiguous", "lost")
EXAMPLES = 5
NINTH = "every ninth of 174,818 species"
N_NAMES = 1_000_000

Row = dict[str, str]


def read_lists(data: Path) -> Iterator[tuple[str, list[Row]]]:
    """Yields (name, identifications with images) of the real lists that are there."""
    for name, path in (
        ("SpeciesNet labels", "speciesnet/labels_v4.0.0a.csv"),
        ("Grocery produce classes", "grocery_produce/classes.csv"),
        ("Tiny ImageNet animals", "tinyimagenet_bio/classes.csv"),
        (NINTH, "taxonomy_scale/species_ranks.csv"),
    ):
        with (data / path).open(encoding="utf-8-sig", newline="") as stream:
            rows = [normalise_row(row) for row in csv.DictReader(stream)]
        rows = [row for row in rows if any(row.get(column) for column in GIVEN_COLUMNS)]
        yield name, rows[:: 9 if name == NINTH else 1]
    semantic = data / "hierarchies" / "semantic_embeddings"
    for name, path in (
        ("iNaturalist 2018 classes", semantic / "iNaturalist-Hierarchy" / "inat_class_index.json"),
        ("NABirds classes (common names)", semantic / "NAB-Hierarchy" / "classes.txt"),
    ):
        yield name, [{"name": text} for text in read_names(path)]


def read_names(path: Path) -> list[str]:
    if path.suffix == ".json":
        index = json.loads(path.read_text("utf-8"))
        return sorted({str(one[-1] if isinstance(one, list) else one) for one in index.values()})
    lines = path.read_text("utf-8").splitlines()
    return sorted({line.split(" ", 1)[1].split("(")[0].strip() for line in lines if " " in line})


def normalise_row(row: dict[str, str | None]) -> Row:
    """Takes the columns of names of a list; the species as a whole binomial."""
    cells = {key.lower(): (value or "").strip() for key, value in row.items() if key}
    if "cls" in cells:
        cells["class"] = cells["cls"]
    if cells.get("species") and " " not in cells["species"]:
        cells["species"] = f"{cells['genus'].capitalize()} {cells['species']}"
    known: Row = {column: cells[column] for column in GIVEN_COLUMNS if cells.get(column)}
    return known


def make_given(rows: Sequence[Row]) -> pa.Table:
    distinct = Counter(tuple(row.get(column, "") for column in GIVEN_COLUMNS) for row in rows)
    columns = dict(zip(GIVEN_COLUMNS, zip(*distinct)))
    return pa.table(
        {"key": range(len(distinct)), "images": list(distinct.values()), **{k: list(v) for k, v in columns.items()}}
    )


def read_trees(data: Path) -> dict[str, Taxonomy]:
    registry = create_registry()
    files = {
        "taxonomy_scale": data / "taxonomy_scale" / "species_ranks.csv",
        "col mammals": data / "col_dwca" / "txtree" / "102.txtree",
        "ncbi subset": data / "ncbi_gtdb" / "onecodex" / "ncbi_subset_tax.json",
    }
    files["speciesnet"] = data / "speciesnet" / "labels_v4.0.0a.csv"
    files |= {f"col dwca {number}": data / "col_dwca" / "dwca" / number for number in ("10", "17", "27")}
    trees = {}
    for name, path in files.items():
        try:
            trees[name] = read_taxonomy(registry, path)
        except Exception as error:
            print(f"{name}: {error}", file=sys.stderr)
    return trees


def apply_exact_rules(
    row: Row, trees: dict[str, Taxonomy], resolvers: dict[str, Resolver]
) -> tuple[str, str, dict[str, str]]:
    """Applies TaxonoPy's decision table to one identification; returns (status, accepted name, lineage).

    Terms: species, name, genus, … kingdom, the first that is given first; each in every tree before the next. A match: exact
    text, or of an unknown binomial the genus (a partial match).
    Among several accepted matches the one that shares most given ranks, where one does. A tie fails at that term.
    """
    exact = [row.get("species", ""), row.get("name", "")]
    partial = [term.split()[0] for term in exact if term.count(" ") == 1 and term[0].isupper()]
    terms = [*exact, *partial, *(row.get(rank, "") for rank in reversed(LINNAEAN[:-1]))]
    for term in filter(None, terms):
        for name, tree in trees.items():
            index, synonyms = resolvers[name], resolvers[name]
            nodes = exact_accepted(index, term) or exact_synonyms(synonyms, term)
            if len(nodes) > 1:
                agreement = [
                    sum(row.get(r, "") == n for r, n in tree.taxon(node).lineage if r in LINNAEAN) for node in nodes
                ]
                nodes = [node for node, count in zip(nodes, agreement) if count == max(agreement)]
            if len(nodes) == 1:
                taxon = tree.taxon(nodes[0])
                lineage = {rank: text for rank, text in taxon.lineage if rank in LINNAEAN}
                return ("full" if len(lineage) == len(LINNAEAN) else "partial"), taxon.name, lineage
    return "lost", "", {}


def exact_accepted(resolver: Resolver, term: str) -> list[int]:
    match = resolver.find(term)
    return [
        node for node in match.nodes if match.by == "name" and resolver.taxonomy.names[node].lower() == term.lower()
    ]


def exact_synonyms(resolver: Resolver, term: str) -> list[int]:
    match = resolver.find(term)
    return list(match.nodes) if match.by == "synonym" else []


def compare(rows: Sequence[Row], trees: dict[str, Taxonomy], resolvers: dict[str, Resolver]) -> dict[str, Any]:
    """Resolves one list in one order of trees, both ways."""
    given = make_given(rows)
    ranked = [RankedTaxonomy(name, lambda tree=tree: tree) for name, tree in trees.items()]  # type: ignore[misc]
    start = time.monotonic()
    resolved = resolve_names(given, ranked, suggested=100).to_pylist()
    seconds = time.monotonic() - start
    ours, theirs = Counter(one["status"] for one in resolved), Counter()
    kinds: dict[str, Counter[str]] = {"by": Counter(one["by"] for one in resolved if one["by"])}
    differences: dict[str, list[dict[str, str]]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for row, one in zip(given.to_pylist(), resolved):
        status, name, lineage = apply_exact_rules(row, trees, resolvers)
        theirs[status] += 1
        if (status, name) == (one["status"], one["name"]) and all(
            one[rank] == lineage.get(rank, "") for rank in LINNAEAN
        ):
            continue
        kind = f"{one['status']} here, {status} there"
        if status == one["status"]:
            kind += ", another taxon" if name.lower() != one["name"].lower() else ", another lineage"
        counts[kind] += 1
        if len(differences[kind]) < EXAMPLES:
            text = "; ".join(f"{key} {row[key]}" for key in GIVEN_COLUMNS if row[key])
            differences[kind].append({"given": text, "here": one["name"] or one["reason"], "there": name})
    n = len(resolved)
    return {
        "order": list(trees),
        "distinct names": n,
        "seconds": round(seconds, 2),
        "part": {status: round(ours[status] / n, 4) for status in STATUSES},
        "part by exact rules": {status: round(theirs[status] / n, 4) for status in STATUSES},
        "found by": dict(kinds["by"]),
        "with conflict": sum(bool(one["conflict"]) for one in resolved),
        "differences": {kind: {"count": counts[kind], "examples": some} for kind, some in differences.items()},
    }


def spell_name(word: str) -> str:
    """Writes a generated name ("Genus17") in letters, the varied ones first, as names of taxa differ from their first letter."""
    stem = word.rstrip("0123456789")
    varied = spell(int(word[len(stem) :]))[::-1] + stem.lower()
    return varied.capitalize() if stem[0].isupper() else varied


def make_big_tree(n_species: int, n_synonyms: int, seed: int) -> tuple[Taxonomy, list[str], list[str]]:
    """Makes a tree with synonyms; returns it with the names of its species and the synonyms."""
    sizes = (7, 60, 300, 1_500, 9_500, max(10_000, n_species // 6), n_species)
    builder = TaxonomyBuilder()
    species, synonyms = [], []
    random = np.random.default_rng(seed)
    has_synonym = set(random.choice(n_species, n_synonyms, replace=False).tolist())
    for number, (names, _) in enumerate(make_rows(sizes, seed)):
        words: Any = names
        kingdom = ("Animalia", "Plantae", "Fungi", "Bacteria", "Chromista", "Protozoa", "Archaea")[int(words[0][7:])]
        words = [spell_name(word) for word in words]
        binomial = f"{words[5]} {words[6]}"
        details = Details()
        if number in has_synonym:
            synonyms.append(f"Oldgenus{spell(number)} {words[6]}")
            details = Details(synonyms=(Synonym(synonyms[-1]),))
        species.append(binomial)
        builder.add_lineage([*zip(LINNAEAN, (kingdom, *words[1:6], binomial))], details)
    return builder.build(), species, synonyms


def spell(number: int) -> str:
    """Writes a number in letters, since names of taxa have no digits."""
    return "".join(chr(97 + int(digit)) for digit in str(number))


def make_million(species: Sequence[str], synonyms: Sequence[str], seed: int = 0) -> pa.Table:
    """Makes distinct identifications: accepted names, with authors, synonyms, misspelt and unknown ones."""
    random = np.random.default_rng(seed)
    picked = random.choice(len(species), N_NAMES, replace=len(species) < N_NAMES)
    names = []
    first = ("Smith", "de Vries", "Müller", "Fischer von Waldheim", "Guérin-Méneville", "L.", "Hook. f.")
    authors = [f"{one}, {year}" for year in range(1758, 2020) for one in first]
    authors += [f"{one} & {other}, {year}" for year in range(1758, 2020) for one in first[:5] for other in first[:5]]
    for number, place in enumerate(picked.tolist()):
        kind = number % 20
        base = species[place]
        if kind < 12:
            names.append(base if len(species) >= N_NAMES else f"{base} {authors[number % len(authors)]}")
        elif kind < 15:
            names.append(f"{base} ({authors[number % len(authors)]})")
        elif kind < 17:
            names.append(f"{synonyms[place % len(synonyms)]} {authors[number % len(authors)]}")
        else:
            names.append(f"{base}{spell(number)}" if kind < 19 else f"Nosuch{spell(number)} nosuch")
    images = np.maximum(1, random.pareto(1.1, N_NAMES) * 3).astype(np.int64)
    return pa.table({"key": np.arange(N_NAMES), "images": images, "name": names})


def measure_scale(sizes: Sequence[int]) -> dict[str, Any]:
    """Resolves a million names against trees of these numbers of species, cached in files as taxonomies that were read are."""
    from tempfile import TemporaryDirectory

    from bioclip_x.taxonomy.cache import load, save

    with TemporaryDirectory() as folder:
        ranked, given, nodes = [], None, []
        for place, size in enumerate(sizes):
            tree, species, synonyms = make_big_tree(size, size // 2, seed=place)
            file = Path(folder) / f"{place}.npz"
            save(tree, file)
            given = make_million(species, synonyms) if given is None else given
            nodes.append(tree.n_nodes)
            del tree, species, synonyms
            ranked.append(RankedTaxonomy(f"tree {place + 1}", lambda file=file: load(file)))  # type: ignore[misc]
        path = Path(folder) / "given.parquet"
        import pyarrow.parquet as pq

        assert given is not None
        pq.write_table(given, path)
        del given
        with get_context("spawn").Pool(1) as pool:
            files = [Path(folder) / f"{place}.npz" for place in range(len(sizes))]
            result: dict[str, Any] = pool.apply(_resolve_files, (path, files))
    return {"nodes": nodes, "names given": N_NAMES, **result}


def _resolve_files(path: Path, files: Sequence[Path]) -> dict[str, Any]:
    import pyarrow.parquet as pq

    from bioclip_x.taxonomy.cache import load

    ranked = [RankedTaxonomy(file.stem, lambda file=file: load(file)) for file in files]  # type: ignore[misc]
    start = time.monotonic()
    resolved = resolve_names(pq.read_table(path), ranked, say=print)
    seconds = time.monotonic() - start
    counts = Counter(resolved["status"].to_pylist())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": round(seconds, 1), "peak MiB": round(peak / 1024), "names": {s: counts[s] for s in STATUSES}}


def measure_lists(data: Path) -> dict[str, Any]:
    trees = read_trees(data)
    resolvers = {name: Resolver(tree) for name, tree in trees.items()}
    orders: tuple[tuple[str, ...], ...] = (
        ("taxonomy_scale", "col mammals", "ncbi subset"),
        ("ncbi subset", "col mammals", "taxonomy_scale"),
        ("speciesnet", "taxonomy_scale"),
        tuple(trees),
    )
    results: dict[str, Any] = {}
    for name, rows in read_lists(data):
        wanted = orders
        if name == NINTH:  # as one source against the others
            wanted = (("ncbi subset", "col mammals"),)
        results[name] = [compare(rows, {t: trees[t] for t in order if t in trees}, resolvers) for order in wanted]
        for one in results[name]:
            print(name, one["order"], one["part"], one["part by exact rules"], one["seconds"], flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=("lists", "scale"))
    arguments = parser.parse_args()
    measured: dict[str, Callable[[], dict[str, Any]]] = {
        "lists": lambda: measure_lists(arguments.data),
        "scale": lambda: {f"{size}": measure_scale(sizes) for size, sizes in SCALES.items()},
    }
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    results |= {"about": __doc__, "machine": describe("pyarrow", "rapidfuzz")}
    for name, measure in measured.items():
        if arguments.only in (None, name):
            results[name] = measure()
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


SCALES = {
    "one tree of 175 thousand species": (175_000,),
    "a tree of 1 million, then one of 175 thousand": (1_000_000, 175_000),
}

if __name__ == "__main__":
    main()

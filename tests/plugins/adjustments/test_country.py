from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Source
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x_plugins.adjustments.country import CountryRules
from bioclip_x_plugins.adjustments.country_codes import ALPHA_3, normalise_country
from bioclip_x_plugins.adjustments.country_rules import make_taxon

RANKS = ("class", "order", "family", "genus", "species")
ROWS = (
    ("Mammalia", "Carnivora", "Canidae", "Canis", "Canis lupus"),
    ("Mammalia", "Carnivora", "Canidae", "Canis", "Canis latrans"),
    ("Mammalia", "Carnivora", "Canidae", "Vulpes", "Vulpes vulpes"),
    ("Mammalia", "Carnivora", "Ursidae", "Ursus", "Ursus americanus"),
    ("Mammalia", "Carnivora", "Ursidae", "Ursus", ""),
    ("Aves", "Passeriformes", "Paridae", "Parus", "Parus major"),
)
NAMES = ("Canis lupus", "Canis latrans", "Vulpes vulpes", "Ursus americanus", "Ursus", "Parus major")
GEOFENCE = {
    "mammalia;carnivora;canidae;;": {"allow": {"USA": [], "KEN": [], "MEX": []}},
    "mammalia;carnivora;canidae;canis;lupus": {"allow": {"USA": ["AK", "MT"], "DEU": []}},
    "mammalia;carnivora;canidae;canis;latrans": {"block": {"USA": ["HI"], "KEN": []}},
    "mammalia;carnivora;ursidae;ursus;": {"allow": {"USA": []}, "block": {}},
    "mammalia;carnivora;ursidae;ursus;americanus": {"allow": {}},
    "mammalia;carnivora;ursidae;;": {"block": {"MEX": []}},
    "mammalia;carnivora;canidae;canis;lupus dingo": {"block": {"USA": []}},
    "reptilia;squamata;;;": {"allow": {"KEN": []}},
}


@pytest.fixture(scope="module")
def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for row in ROWS:
        synonyms = (Synonym("Canis vulpes", "L."),) if row[3] == "Vulpes" else ()
        builder.add_lineage([(rank, name) for rank, name in zip(RANKS, row) if name], Details(synonyms=synonyms))
    return builder.build("mammals.csv")


@pytest.fixture
def geofence(tmp_path: Path) -> Path:
    (tmp_path / "geofence.json").write_text(json.dumps(GEOFENCE), "utf-8")
    return tmp_path / "geofence.json"


def find_left(tree: Taxonomy, rules: CountryRules, **metadata: str) -> set[str]:
    offsets_CB = rules.offsets(tree, [Source("a", metadata=metadata)])
    assert offsets_CB.dtype == torch.float32 and offsets_CB.shape == (tree.n_classes, 1)
    return {tree.class_taxon(c).name for c in range(tree.n_classes) if offsets_CB[c, 0] == 0}


@pytest.mark.parametrize(
    ("country", "region", "out"),
    [
        # The list of Canidae is that of Vulpes and of Canis latrans; Canis lupus has its own. Nothing is known of birds.
        ("USA", "", set()),
        ("US", "AK", set()),
        ("USA", "CA", {"Canis lupus"}),
        ("USA", "US-HI", {"Canis lupus", "Canis latrans"}),
        # Blocked, although its family is allowed; Ursus, and what has no list of its own below it, is in the USA only.
        ("KEN", "", {"Canis lupus", "Canis latrans", "Ursus", "Ursus americanus"}),
        ("DE", "", {"Canis latrans", "Vulpes vulpes", "Ursus", "Ursus americanus"}),
        ("MEX", "", {"Canis lupus", "Ursus", "Ursus americanus"}),
        ("FRA", "", {"Canis lupus", "Canis latrans", "Vulpes vulpes", "Ursus", "Ursus americanus"}),
    ],
)
def test_a_tree_worked_out_by_hand(tree: Taxonomy, geofence: Path, country: str, region: str, out: set[str]) -> None:
    left = set(NAMES) - out
    assert find_left(tree, CountryRules(geofence), countryCode=country, region=region) == left
    assert find_left(tree, CountryRules(geofence, code=country, region=region), countryCode="KEN") == left


def test_what_is_blocked_above_stays_blocked(tree: Taxonomy, tmp_path: Path) -> None:
    rules = {"mammalia;;;;": {"block": {"AUS": []}}, "mammalia;carnivora;canidae;canis;lupus": {"allow": {"AUS": []}}}
    (tmp_path / "g.json").write_text(json.dumps(rules), "utf-8")
    assert find_left(tree, CountryRules(tmp_path / "g.json", code="AU")) == {"Parus major"}


def test_a_prior_and_notes(tree: Taxonomy, geofence: Path) -> None:
    rather = CountryRules(geofence, mode="prior", strength=2)
    sources = [Source("a", metadata={"countryCode": one} if one else {}) for one in ("DE", "", "XX")]
    offsets_CB = rather.offsets(tree, sources)
    assert sorted(offsets_CB[:, 0].tolist()) == [-2] * 4 + [0] * 2 and not offsets_CB[:, 1:].any()
    assert rather.image_notes(tree, sources) == [
        ["country DEU: 4 of 6 classes lowered by 2"], ["no country: rules not used"],
        ["countryCode 'XX' is no code of ISO 3166-1: country not used"],
    ]  # fmt: skip
    assert CountryRules(geofence, code="US", region="CA").notes(tree) == (
        "country geofence.json (hard): rules of 5 of 7 taxa are used; country USA-CA: 1 of 6 classes excluded",
        "geofence.json: 2 taxa with rules are not in the taxonomy: canis lupus dingo, squamata",
    )
    assert CountryRules(geofence, code="US").image_notes(tree, sources) == [[], [], []]


def test_if_no_class_is_left_none_is_excluded(tree: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text('{"mammalia;;;;": {"allow": {"KEN": []}}, "aves;;;;": {"allow": {"KEN": []}}}')
    rules = CountryRules(tmp_path / "g.json")
    with_blank = add_beside(tree, ("blank",))
    assert (
        find_left(with_blank, rules, countryCode="KE")
        == find_left(with_blank, rules, countryCode="FR")
        == {*NAMES, "blank"}
    )
    assert rules.image_notes(tree, [Source("a", metadata={"countryCode": "FR"})]) == [
        ["country FRA: no class occurs there; not used"]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "scientificName,countryCode\nCanis lupus,US\nCanis vulpes,KEN\nMammalia,DE\nCanis lupus,DEU\n",
        "scientificName;locationID;kingdom\nCanis lupus L.;ISO_3166-2:US;\nVulpes vulpes;ISO:KE;\nMammalia;DE;\n"
        "Canis lupus;DE;\n",
        'Taxon\tiso3\ncanis LUPUS\tusa\n"Vulpes vulpes"\tKEN\nMammalia\tDEU\nCanis lupus\tDEU\n',
        "species,rule,country_code,admin1_region_code\nmammalia;carnivora;canidae;canis;lupus,allow,USA,\n"
        "mammalia;carnivora;canidae;vulpes;vulpes,allow,KEN,\nmammalia;;;;,allow,DEU,\nCanis lupus,allow,DEU,\n",
    ],
)
def test_tables_of_names_and_countries(tree: Taxonomy, tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, "utf-8")
    rules = CountryRules(tmp_path / "t.csv")
    assert find_left(tree, rules, countryCode="USA") == {"Canis lupus", "Parus major"}
    assert find_left(tree, rules, countryCode="KEN") == {"Vulpes vulpes", "Parus major"}
    assert find_left(tree, rules, countryCode="DEU") == set(NAMES) - {"Vulpes vulpes"}


def test_absence_regions_and_unknown_codes_of_tables(tree: Taxonomy, tmp_path: Path) -> None:
    rows = "Canis lupus,DE,absent\nVulpes vulpes,US-CA,present\nVulpes vulpes,UK,present\nVulpes vulpes,,\n,DE,\n"
    (tmp_path / "t.csv").write_text(f"scientificName,locationID,occurrenceStatus\n{rows}", "utf-8")
    rules = CountryRules(tmp_path / "t.csv")
    assert find_left(tree, rules, countryCode="DE") == set(NAMES) - {"Canis lupus", "Vulpes vulpes"}
    assert find_left(tree, rules, countryCode="US", region="CA") == set(NAMES)
    assert find_left(tree, rules, countryCode="US", region="NV") == set(NAMES) - {"Vulpes vulpes"}
    assert rules.notes(tree)[1] == "t.csv: 2 entries of no ISO 3166 country, not used: UK, (blank)"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("g.json", None, "does not exist"), ("g.json", "{", "JSON"), ("g.json", "[]", "expected labels with allow"),
        ("g.json", '{"mammalia": {"allow": {}}}', 'expected "class;order'), ("g.json", '{"a;;;;": {"deny": {}}}', "got 'a;;;;'"),
        ("g.json", '{"a;;;;": {"allow": {"KEN": "x"}}}', "countries with lists"), ("g.json", "{}", "has no rule of a country"),
        ("g.json", '{"reptilia;;;;": {"allow": {"KEN": []}}}', "none of its 1 taxa is in mammals.csv: reptilia"),
        ("t.csv", "species,count\nCanis lupus,3\n", "got the columns species, count"), ("t.csv", "", "got the columns"),
        ("t.csv", "name,country\nCanis lupus,Kenya\n", "has no rule of a country"),
    ],
)  # fmt: skip
def test_unusable_files(tree: Taxonomy, tmp_path: Path, name: str, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(RecipeError, match=reason) as raised:
        CountryRules(tmp_path / name).notes(tree)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [{"code": "XX"}, {"code": "Kenya"}, {"region": "CA"}, {"strength": 2.0}, {"mode": "prior", "strength": -1.0}],
)
def test_options_are_checked(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="country: "):
        CountryRules(tmp_path, **options)  # type: ignore[arg-type]


def test_codes() -> None:
    assert len(ALPHA_3) == 250 and all(len(two) == 2 and len(three) == 3 for two, three in ALPHA_3.items())
    known = {
        "DE": "DEU",
        "CH": "CHE",
        "AT": "AUT",
        "AU": "AUS",
        "ZA": "ZAF",
        "GB": "GBR",
        "KP": "PRK",
        "KR": "KOR",
        "CD": "COD",
    }
    assert {two: ALPHA_3[two] for two in known} == known and len(set(ALPHA_3.values())) == 250
    assert normalise_country("uk") == "" and normalise_country("usa") == "USA"


def test_the_command_lines_form() -> None:
    made = create_registry().make("adjust_logits", "country", {"file": "g.json", "code": "ke", "mode": "prior"})
    assert (made.location, made.strength) == (("KEN", ""), 3) and math.isfinite(made.strength)


def test_labels_of_speciesnet(shared_data: Path, tmp_path: Path) -> None:
    """Rules of labels as SpeciesNet publishes them, with classes at several ranks, decide of just these classes."""
    file = shared_data / "speciesnet" / "labels_v4.0.0a.csv"
    if not file.exists():
        pytest.skip("shared/data has no speciesnet/labels_v4.0.0a.csv")
    with file.open(encoding="utf-8", newline="") as stream:
        labels = [[row[rank] for rank in RANKS] for row in csv.DictReader(stream)]
    labels = [label for label in labels if label[4]][:400]
    builder = TaxonomyBuilder()
    for label in labels:
        builder.add_lineage(list(make_taxon(label).lineage))
    tree = builder.build("speciesnet")
    country_of = {";".join(label): "KEN" if i % 2 else "USA" for i, label in enumerate(labels)}
    (tmp_path / "g.json").write_text(
        json.dumps({key: {"allow": {one: []}} for key, one in country_of.items()}), "utf-8"
    )
    left = find_left(tree, CountryRules(tmp_path / "g.json", code="KE"))
    assert left == {make_taxon(key.split(";")).name for key, one in country_of.items() if one == "KEN"}

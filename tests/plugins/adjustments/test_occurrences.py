from __future__ import annotations

import math
import zipfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x import Classifier
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Source
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x_plugins.adjustments.occurrence_files import parse_day
from bioclip_x_plugins.adjustments.occurrences import (
    OccurrenceRecords,
    compute_log_prior,
    is_in_season,
    parse_amount,
)
from helpers import picture

RANKS = ("kingdom", "genus", "species")
ROWS = (
    ("Animalia", "Parus", "Parus major"),
    ("Animalia", "Cyanistes", "Cyanistes caeruleus"),
    ("Animalia", "Turdus", "Turdus merula"),
    ("Plantae", "Oenanthe", "Oenanthe crocata"),
    ("Animalia", "Oenanthe", "Oenanthe oenanthe"),
    ("Plantae", "Quercus", ""),
)
HEADER = "gbifID\tspecies\tscientificName\ttaxonRank\tkingdom\toccurrenceStatus\tdecimalLatitude\tdecimalLongitude\teventDate"
BERLIN = {"latitude": 52.52, "longitude": 13.40}


@pytest.fixture(scope="module")
def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for row in ROWS:
        synonyms = (Synonym("Parus caeruleus", "L."),) if row[1] == "Cyanistes" else ()
        lineage = [(rank, name) for rank, name in zip(RANKS, row) if name]
        builder.add_lineage(lineage, Details(synonyms=synonyms))
    return builder.build("birds.csv")


def find_class(tree: Taxonomy, name: str) -> int:
    return next(c for c in range(tree.n_classes) if tree.class_taxon(c).name == name)


def written(folder: Path, *rows: str, header: str = HEADER, name: str = "gbif.csv") -> Path:
    (folder / name).write_text("\n".join((header, *rows)) + "\n", "utf-8")
    return folder / name


def record(species: str = "", place: str = "52.5\t13.4", day: str = "2020-05-12", **cells: str) -> str:
    given = [cells.get(name, "") for name in ("scientificName", "taxonRank", "kingdom", "occurrenceStatus")]
    return "\t".join(["1", species, *given, place, day])


def placed(**metadata: str | float) -> Source:
    return Source("a.jpg", metadata={**BERLIN, **metadata})


def measure_km(one: tuple[float, float], two: tuple[float, float]) -> float:
    """The great-circle distance by the angle between unit vectors, which is no haversine formula."""

    def point(latitude: float, longitude: float) -> np.ndarray:
        a, b = math.radians(latitude), math.radians(longitude)
        return np.array([math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)])

    u, v = point(*one), point(*two)
    return 6371.0088 * math.atan2(float(np.linalg.norm(np.cross(u, v))), float(u @ v))


def test_the_prior_is_the_smoothed_share_of_the_records_near(tree: Taxonomy, tmp_path: Path) -> None:
    rows = [record("Parus major")] * 3 + [record("Turdus merula")] + [record("Turdus merula", "48.1\t11.6")] * 9
    prior = OccurrenceRecords(written(tmp_path, *rows), a=0.5, weight=2)
    offsets_CB = prior.offsets(tree, [placed(), Source("b.jpg"), placed(latitude=0.0)])
    counts = [3 if name[2] == "Parus major" else 1 if name[2] == "Turdus merula" else 0 for name in ROWS]
    by_name = {name[2] or name[1]: n for name, n in zip(ROWS, counts)}
    expected = [
        2 * math.log(6 * (by_name[tree.class_taxon(c).name] + 0.5) / (4 + 0.5 * 6)) for c in range(tree.n_classes)
    ]
    assert offsets_CB.dtype == torch.float32 and offsets_CB.shape == (6, 3)
    assert offsets_CB[:, 0].tolist() == pytest.approx(expected, abs=1e-6)
    assert not offsets_CB[:, 1:].any(), "no place, and no record near"
    shares = (offsets_CB[:, 0] / 2).softmax(0)
    assert shares[find_class(tree, "Parus major")].item() == pytest.approx(3.5 / 7)


def test_hard_excludes_what_was_not_recorded_near(tree: Taxonomy, tmp_path: Path) -> None:
    only = OccurrenceRecords(written(tmp_path, record("Parus major"), record("Turdus merula", "0\t0")), mode="hard")
    sources = [placed(), Source("b.jpg"), placed(latitude=-50.0)]
    offsets_CB = only.offsets(tree, sources)
    left = [c for c in range(6) if offsets_CB[c, 0] == 0]
    assert left == [find_class(tree, "Parus major")] and not offsets_CB[:, 1:].any()
    assert only.image_notes(tree, sources) == [
        ["1 occurrence of 1 class within 50 km"],
        ["no place: occurrences not used"],
        ["no occurrence within 50 km; no class excluded"],
    ]
    tree_with_blank = add_beside(tree, ("blank",))
    assert (
        OccurrenceRecords(written(tmp_path, record("Parus major")), mode="hard").offsets(tree_with_blank, [placed()])[
            -1
        ]
        == 0
    )


def test_which_records_count_for_which_class(tree: Taxonomy, tmp_path: Path) -> None:
    rows = (
        record(scientificName="Parus major major Linnaeus, 1758", taxonRank="SUBSPECIES"),
        record("Parus caeruleus"),
        record("Parus", taxonRank="GENUS"), record(scientificName="Turdus Linnaeus, 1758", taxonRank="GENUS"),
        record(scientificName="Turdus sp."), record(scientificName="Turdus merula x philomelos"),
        record("Oenanthe crocata", kingdom="Plantae"), record("Quercus robur", kingdom="Plantae"),
        record("Xyzzy plugh"), record("Turdus merula", occurrenceStatus="ABSENT"), record("Turdus merula", "\t13"),
        record("Turdus merula", "95\t13"), record("Turdus merula", "north\t13"), "1\tTurdus merula", record(""),
    )  # fmt: skip
    prior = OccurrenceRecords(written(tmp_path, *rows))
    kept = {tree.class_taxon(c).name for c in range(6) if prior.offsets(tree, [placed()])[c, 0] > 0}
    assert kept == {"Parus major", "Cyanistes caeruleus", "Oenanthe crocata", "Quercus"}
    assert prior.notes(tree) == (
        "occurrences gbif.csv (prior): 4 records of 4 of 6 classes at 1 place; within 50 km; weight 1, a 1",
        "gbif.csv: 2 records of names that are not in the taxonomy, not used: Parus, Xyzzy plugh",
        *prior.notes(tree)[2:],
    )
    notes = " ".join(prior.notes(tree))
    for told in (
        "2 records of taxa above the classes, not used: Turdus", "1 record of names of no single species",
        "4 records without a place or a name", "1 record of absence", "1 record with too many or too few cells",
    ):  # fmt: skip
        assert told in notes, notes


def test_the_season_goes_across_the_end_of_the_year(tree: Taxonomy, tmp_path: Path) -> None:
    rows = [
        record("Parus major", day="2019-12-25T10:00:00Z"),
        record("Turdus merula", day="2020-02-20"),
        record("Quercus robur", day=""),
    ]
    prior = OccurrenceRecords(written(tmp_path, *rows), season="10d")
    sources = [
        placed(date="2024-01-03T08:00:00"),
        placed(date="2024-02-28"),
        placed(),
        placed(date="in May"),
        placed(date="2024-07-01"),
    ]
    offsets_CB = prior.offsets(tree, sources)
    assert [int(column.argmax()) for column in offsets_CB.T[:2]] == [
        find_class(tree, "Parus major"),
        find_class(tree, "Turdus merula"),
    ]
    assert torch.equal(offsets_CB[:, 2], offsets_CB[:, 3]) and int((offsets_CB[:, 2] > 0).sum()) == 3
    assert not offsets_CB[:, 4].any()
    assert prior.image_notes(tree, sources) == [
        ["1 occurrence of 1 class within 50 km and 10 days"], ["1 occurrence of 1 class within 50 km and 10 days"],
        *[["3 occurrences of 3 classes within 50 km", "no date: occurrences of the whole year used"]] * 2,
        ["no occurrence within 50 km and 10 days; no prior"],
    ]  # fmt: skip
    assert "gbif.csv: 1 record without a day, not used where an image has one" in prior.notes(tree)


place = st.tuples(st.floats(-90, 90, width=32), st.floats(-180, 180, width=32))
edges = st.sampled_from(
    [(90.0, 0.0), (-90.0, 77.0), (89.9, 179.0), (89.9, -1.0), (10.0, 180.0), (10.0, -180.0), (10.0, 179.9), (0.0, 0.0)]
)


@given(st.lists(st.tuples(place | edges, st.integers(0, 2), st.integers(0, 366)), min_size=1, max_size=30),
       st.lists(st.tuples(place | edges, st.integers(1, 366)), min_size=1, max_size=4),
       st.sampled_from([1.0, 50.0, 3000.0, 15000.0]), st.sampled_from([None, 1.0, 30.0, 100.0]))  # fmt: skip
def test_against_a_loop_over_all_records(  # type: ignore[no-untyped-def]
    tree: Taxonomy, tmp_path_factory: pytest.TempPathFactory, records, images, radius: float, season: float | None
) -> None:
    names = [tree.class_taxon(c).name for c in range(3)]
    start = date(2020, 1, 1)  # of a leap year
    rows = [
        record(names[c], f"{where[0]!r}\t{where[1]!r}", str(start + timedelta(day - 1)) if day else "")
        for where, c, day in records
    ]
    file = written(tmp_path_factory.mktemp("records"), *rows)
    sources = [
        Source("a", metadata={"latitude": w[0], "longitude": w[1], "date": str(start + timedelta(d - 1))})
        for w, d in images
    ]
    offsets_CB = OccurrenceRecords(file, radius=radius, season=season).offsets(tree, sources)
    for column, (where, day) in enumerate(images):
        counts, near_the_edge = [0] * 6, False
        for there, c, other in records:
            km = measure_km(where, there)
            near_the_edge |= abs(km - radius) < 1e-3
            apart = min((day - other) % 366, (other - day) % 366)
            if km <= radius and (season is None or (other and apart <= season)):
                counts[c] += 1
        if not near_the_edge:
            expected = [math.log(6 * (n + 1) / (sum(counts) + 6)) for n in counts]
            assert offsets_CB[:, column].tolist() == pytest.approx(expected, abs=1e-5)


@given(st.integers(1, 366), st.integers(1, 366), st.integers(0, 183))
def test_days_lie_on_a_circle(one: int, two: int, reach: int) -> None:
    walked = any((one - 1 + step) % 366 + 1 == two or (one - 1 - step) % 366 + 1 == two for step in range(reach + 1))
    assert bool(is_in_season(np.array([one], np.int16), two, reach)[0]) == walked
    assert not is_in_season(np.zeros(1, np.int16), two, 183)[0]


def test_days_of_dates() -> None:
    assert [parse_day(str(date(2020, 1, 1) + timedelta(i))) for i in range(366)] == list(range(1, 367))
    assert (
        parse_day("2023-03-01")
        == parse_day("2024-03-01T07:30:00+02:00")
        == parse_day("2024-03-01/2024-03-01T10:00")
        == 61
    )
    assert not any(
        map(parse_day, ("2024", "2024-03", "2024-02-30", "2024-03-01/2024-03-09", "2024-03-01/09", "", "May"))
    )


GBIF = "datasetKey\tspecies\ttaxonRank\tdecimalLatitude\tdecimalLongitude\teventDate\tday\tmonth\tyear"

EBIRD = "CATEGORY\tCOMMON NAME\tSCIENTIFIC NAME\tLATITUDE\tLONGITUDE\tOBSERVATION DATE\t"


@pytest.mark.parametrize(
    ("header", "row", "day"),
    [
        (GBIF, "x\tParus major\tSPECIES\t52.5\t13.4\t2021-03-01T00:00\t1\t3\t2021", 61),
        (GBIF, "x\tParus major\tSPECIES\t52.5\t13.4\t2021-01-01/2021-12-31\t\t\t2021", 0),
        (GBIF, "x\tParus major\tSPECIES\t52.5\t13.4\t2021-03\t\t3\t2021", 0),
        ("decimalLatitude,decimalLongitude,scientificName,startDayOfYear,year", '52.5,13.4,"Parus major L., 1758",60,2021', 61),
        ("decimalLatitude,decimalLongitude,scientificName,startDayOfYear,year", "52.5,13.4,Parus major,60,2020", 60),
        ("decimalLatitude;decimalLongitude;scientificName;startDayOfYear", "52.5;13.4;Parus major;366", 0),
        (EBIRD, 'species\t"odd\tParus major\t52.5\t13.4\t2019-03-01\t', 61),
        (
            '\ufeffid,"remarks, if any",observed_on,latitude,longitude,scientific_name',
            '1,"two\nlines, ""quoted""",2021-03-01,52.5,13.4,Parus major', 61,
        ),
    ],
)  # fmt: skip
def test_layouts(tree: Taxonomy, tmp_path: Path, header: str, row: str, day: int) -> None:
    prior = OccurrenceRecords(written(tmp_path, row, header=header), season=5, mode="hard")
    prior.offsets(tree, [])
    assert prior._prepared is not None and prior._prepared.day_R.tolist() == [day]  # noqa: SLF001
    assert int((prior.offsets(tree, [placed()]) == 0).sum()) == 1


def test_zips_of_archives_and_simple_downloads(tree: Taxonomy, tmp_path: Path) -> None:
    for names in (
        ["occurrence.txt", "verbatim.txt", "meta.xml"],
        ["0012-345.csv"],
        ["ebd_DE.txt", "recommended_citation.txt"],
    ):
        with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
            archive.writestr(names[0], f"{HEADER}\n{record('Parus major')}\n")
            for other in names[1:]:
                archive.writestr(other, "gbifID\tsomething else\n1\t2\n")
        assert int((OccurrenceRecords(tmp_path / "download.zip").offsets(tree, [placed()]) > 0).sum()) == 1, names


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "does not exist"),
        (b"", "expected columns decimalLatitude"),
        (b"species\tcount\nParus major\t3\n", r"expected columns decimalLatitude.*got species, count"),
        (HEADER.encode() + b"\n", "no record with a place and a name"),
        (
            f"{HEADER}\n{record('Xyzzy plugh')}\n".encode(),
            "none of its 1 names is of a class of birds.csv: Xyzzy plugh",
        ),
        (f"{HEADER}\n{record('Parus maj')}".encode() + b"\xe9\n", "not valid UTF-8"),
        (b"PK\x03\x04 broken", "damaged or incomplete"),
    ],
)
def test_unusable_files(tree: Taxonomy, tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "gbif.csv").write_bytes(content)
    with pytest.raises(RecipeError, match=reason) as raised:
        OccurrenceRecords(tmp_path / "gbif.csv").notes(tree)
    assert "\n" not in str(raised.value) and str(raised.value).startswith("occurrences ")


@pytest.mark.parametrize(
    "options",
    [
        {"radius": "far"}, {"radius": 0}, {"radius": "50 miles"}, {"radius": 1e6}, {"season": "-3d"}, {"season": "400d"},
        {"a": 0}, {"weight": math.nan}, {"mode": "hard", "a": 1}, {"mode": "hard", "weight": 2.0},
    ],
)  # fmt: skip
def test_options_are_checked(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="occurrences: "):
        OccurrenceRecords(tmp_path, **options)  # type: ignore[arg-type]


def test_the_command_lines_form() -> None:
    given = {"file": "gbif.csv", "radius": "25km", "season": "30d", "weight": "0.5"}
    made = create_registry().make("adjust_logits", "occurrences", given)
    assert (made.file, made.radius, made.season, made.weight, made.a) == (Path("gbif.csv"), 25, 30, 0.5, 1)
    assert create_registry().make("adjust_logits", "occurrences", {"": "gbif.csv", "season": "none"}).season is None
    assert parse_amount("radius", 50, "km", 100) == 50


def test_the_prior_is_a_distribution() -> None:
    prior_C = compute_log_prior(np.array([0, 3]), np.array([5, 2]), 10, 0.1)
    assert np.exp(prior_C.astype(float)).sum() / 10 == pytest.approx(1)


def test_many_records_are_read_in_blocks(tree: Taxonomy, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [tree.class_taxon(c).name for c in range(5)]
    latitudes, longitudes = rng.uniform((52, 13), (53, 14), (100_000, 2)).T
    numbers, months = rng.integers(0, 5, 100_000), rng.integers(1, 13, 100_000)
    rows = [
        record(names[c], f"{latitude:.4f}\t{longitude:.4f}", f"2020-{month:02}-15")
        for c, latitude, longitude, month in zip(numbers, latitudes, longitudes, months)
    ]
    file = written(tmp_path, *rows)
    assert file.stat().st_size > 4 << 20
    near = OccurrenceRecords(file, radius="300km").image_notes(tree, [placed()])
    assert near == [["100,000 occurrences of 5 classes within 300 km"]]


def test_the_prior_has_a_line_of_its_own_in_the_margin(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    table = tmp_path / "images.csv"
    table.write_text("path,decimalLatitude,decimalLongitude\na.png,52.52,13.4\n", "utf-8")
    file = written(tmp_path, *[record("Parus major")] * 4, record("Turdus merula"))
    classifier = Classifier(tiny_model, taxonomy=birds_csv, adjust=f"occurrences:{file}", why_not="Turdus merula", k=9)
    [result] = classifier.classify([table])
    assert result.notes == ("5 occurrences of 2 classes within 50 km",)
    assert result.explanation is not None and result.explanation.winner != "Turdus merula"
    [one] = [remainder for remainder in result.explanation.remainders if remainder.kind == "adjustment"]
    n_of_winner = {"Parus major": 4}.get(result.explanation.winner, 0)
    assert one.label.startswith("occurrences") and one.contribution == pytest.approx(math.log((n_of_winner + 1) / 2))
    assert "5 records of 2 of 6 classes at 1 place" in " ".join(classifier.provenance.notes)

"""Results made by hand: realistic ones, and hostile ones."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from bioclip_x.records import (
    EventImage,
    Explanation,
    Mask,
    Prediction,
    PromptContribution,
    Provenance,
    RankWinner,
    Region,
    Remainder,
    Result,
    Step,
    Taxon,
)
from bioclip_x.records.explanation import MEAN_TEXT

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
BIRDS = ("Animalia", "Chordata", "Aves", "Passeriformes")


def taxon(*names: str, common: str = "", ranks: tuple[str, ...] = RANKS) -> Taxon:
    """A taxon by its lineage; the last name is its own."""
    lineage = tuple(zip(ranks, names))
    return Taxon(lineage[-1][0], names[-1], lineage, {"en": (common,)} if common else {})


BLUE_TIT = taxon(*BIRDS, "Paridae", "Cyanistes", "Cyanistes caeruleus", common="Eurasian blue tit")
GREAT_TIT = taxon(*BIRDS, "Paridae", "Parus", "Parus major", common="great tit")
GOLDFINCH = taxon(*BIRDS, "Fringillidae", "Carduelis", "Carduelis carduelis", common="European goldfinch")


def prediction(one: Taxon, *probabilities: float) -> Prediction:
    """A prediction with its probability at each rank; the last is its own."""
    steps = tuple(Step(rank, name, each) for (rank, name), each in zip(one.lineage, probabilities, strict=True))
    return Prediction(one, probabilities[-1], steps)


def contributions_of(
    class_index: int, sign: float, kind: str, *said: tuple[str, float], baseline: float = 0.0
) -> tuple[PromptContribution, ...]:
    """Prompts with their similarities, at logit scale 60 and mean pooling; baseline: what the mean text scores."""
    return tuple(
        PromptContribution(
            phrase if kind == "descriptor" else "",
            f"a photo of a bird, which has {phrase}.",
            kind,
            "birds.yaml",
            class_index,
            similarity,
            sign * 60 / len(said) * (similarity - baseline),
        )
        for phrase, similarity in said
    )


def explained(
    winner: Taxon, runner_up: Taxon, contributions: tuple[PromptContribution, ...], rest: float = 0.0
) -> Explanation:
    margin = sum(one.contribution for one in contributions) + rest
    return Explanation(winner.name, runner_up.name, winner.name, runner_up.name, margin, contributions, rest)


def jpeg(colour: str = "#5b8fc7") -> bytes:
    """A small drawing of something like a bird."""
    image = Image.new("RGB", (64, 64), "#e9e2cf")
    pen = ImageDraw.Draw(image)
    pen.ellipse((16, 22, 50, 48), fill="#e6c94c")
    pen.ellipse((38, 12, 56, 30), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    return Provenance(
        version="0.1.0",
        model="field-guide",
        revision="3fa9c1",
        demo="",
        taxonomy="birds.csv (0123456789abcdef)",
        n_classes=42,
        n_prompts=260,
        recipe={"model": "field-guide", "rank": None, "language": "en", "k": 5, "text": ["descriptors"]},
        notes=("2 classes have no descriptors; their names stand in",),
        ranks=RANKS,
    )


@pytest.fixture(scope="session")
def blue_tit() -> Result:
    """Explained by descriptors, with a family that wins off its path."""
    won = contributions_of(0, 1, "descriptor", ("a blue cap", 0.34), ("a yellow breast", 0.31), ("white cheeks", 0.27))
    lost = contributions_of(1, -1, "descriptor", ("a yellow breast with a black stripe", 0.29), ("a black cap", 0.15),
                            ("an olive back", -0.05))  # fmt: skip
    return Result(
        "photos/blue tit.jpg",
        predictions=(
            prediction(BLUE_TIT, 1.0, 1.0, 0.998, 0.971, 0.62, 0.59, 0.58),
            prediction(GREAT_TIT, 1.0, 1.0, 0.998, 0.971, 0.62, 0.04, 0.04),
        ),
        ranks=(
            RankWinner("order", taxon(*BIRDS), 0.971, True),
            RankWinner("family", taxon(*BIRDS, "Fringillidae"), 0.63, False),
        ),
        explanation=explained(BLUE_TIT, GREAT_TIT, won + lost, rest=0.25),
        width=640,
        height=480,
        thumbnail=jpeg(),
    )


@pytest.fixture(scope="session")
def doubtful(blue_tit: Result) -> Result:
    """Contributions relative to a mean text that scores 0.2: of either class, one descriptor scores less."""
    won = contributions_of(
        0, 1, "descriptor", ("a blue cap", 0.34), ("a yellow breast", 0.31), ("white cheeks", 0.17), baseline=0.2
    )
    lost = contributions_of(
        1, -1, "descriptor", ("a yellow belly", 0.29), ("a black cap", 0.25), ("an olive back", 0.12), baseline=0.2
    )
    told = explained(BLUE_TIT, GREAT_TIT, won + lost, rest=0.4)
    left = (Remainder(MEAN_TEXT, 0.4, "mean text"),)
    return replace(blue_tit, explanation=replace(told, baseline=0.2, remainders=left))


@pytest.fixture(scope="session")
def hopeless(doubtful: Result) -> Result:
    """Nothing that is said of the winner is evidence for it."""
    assert doubtful.explanation is not None
    against = tuple(replace(one, contribution=-abs(one.contribution)) for one in doubtful.explanation.contributions)
    return replace(doubtful, explanation=replace(doubtful.explanation, contributions=against))


@pytest.fixture(scope="session")
def goldfinch() -> Result:
    """Explained by names only."""
    contributions = contributions_of(2, 1, "taxonomic+common", ("Animalia Chordata Aves", 0.4)) + contributions_of(
        1, -1, "taxonomic+common", ("Animalia Chordata Aves", 0.35)
    )
    return Result(
        "photos/goldfinch.jpg",
        predictions=(prediction(GOLDFINCH, 1.0, 1.0, 1.0, 1.0, 0.91, 0.91, 0.905),),
        explanation=explained(GOLDFINCH, GREAT_TIT, contributions),
        width=300,
        height=300,
    )


@pytest.fixture(scope="session")
def unreadable() -> Result:
    return Result("photos/broken.jpg", error="cannot be decoded: image file is truncated")


@pytest.fixture(scope="session")
def refused() -> Result:
    return Result("photos/car.jpg", refused="not a field-guide drawing", width=80, height=60, thumbnail=jpeg("#aa3333"))


@pytest.fixture(scope="session")
def two_boxes(blue_tit: Result) -> list[Result]:
    """The images of an event: one with a bird and a person, one with nothing, and the event itself."""
    mask = Mask(4, 3, "04")
    bird = Region((0.1, 0.2, 0.5, 0.9), "animal", 0.93, mask, "d1", "M7")
    person = Region((0.6, 0.1, 0.95, 1.0), "person")
    where = {"date": "2024-05-12T07:30:00", "latitude": 51.5, "longitude": -0.25}
    common = {"n_regions": 2, "event": "burst 1", "source": "cam1/a.jpg", "metadata": where}
    return [
        replace(blue_tit, region=bird, region_number=0, **common),
        replace(
            blue_tit, region=person, region_number=1, predictions=(), ranks=(), explanation=None, refused="a person", **common
        ),
        Result("cam1/b.jpg", refused="nothing found by boxes", event="burst 1", width=640, height=480, metadata=where),
        replace(
            blue_tit, source="burst 1", event="burst 1", thumbnail=None, width=0, height=0,
            predictions=blue_tit.predictions[:1],
            images=(
                EventImage("cam1/a.jpg", 0, 0.58, 1.4),
                EventImage("cam1/a.jpg", 1, float("nan"), None, "a person"),
                EventImage("cam1/b.jpg", 0, float("nan"), None, "nothing found by boxes"),
            ),
        ),
    ]  # fmt: skip


HOSTILE = (
    "<script>alert(1)</script>\"'",
    "</script><img src=x onerror=alert(2)>",
    'Comma, "quoted"\nnewline\rreturn',
    "=cmd|'/c calc'!A0",
    "[bold red]markup[/] :smile:",
    "עברית \u202egpj.exe",
    "シジュウカラ \u2028 \x85 \x1b[2J",
    "bytes \udce9\udcff",
    "{{ 7 * 7 }} {% raw %} -->",
)


@pytest.fixture(scope="session")
def hostile(blue_tit: Result) -> list[Result]:
    """Every field of text, filled with what breaks careless writers."""
    return [poisoned(text, blue_tit) for text in HOSTILE]


def poisoned(text: str, model: Result) -> Result:
    """A result that says `text` everywhere."""
    one = taxon("Animalia", text, ranks=("kingdom", "species"), common=text + " common")
    said = tuple(replace(one, phrase=text, text=text, source=text) for one in model.explanation.contributions)
    return replace(
        model,
        source=text + ".jpg",
        predictions=(prediction(one, 1.0, 0.5),) * 2,
        ranks=(RankWinner("species", one, 0.6, False),),
        explanation=replace(model.explanation, winner=text, runner_up=text, contributions=said),
    )

"""--subset, --adjust and --report-as, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.cli.main import main
from helpers import picture

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


@pytest.fixture
def classify(run: Run, tiny_model: str, birds_csv: Path, tmp_path: Path) -> Callable[..., Any]:
    """The JSON document of a run on one image of noise, or the error message."""
    picture(1).save(tmp_path / "noise.png")

    def classify(*flags: object) -> Any:
        code, out, err = run(
            "classify",
            "--model",
            tiny_model,
            "--taxonomy",
            birds_csv,
            "--format",
            "json",
            *flags,
            tmp_path / "noise.png",
        )
        return json.loads(out) if code == 0 else err

    return classify


def shares(document: Any) -> dict[str, float]:
    return {one["name"]: one["probability"] for one in document["results"][0]["predictions"]}


def test_a_subset_is_classified_as_if_it_were_the_list(classify: Any, birds_csv: Path, tmp_path: Path) -> None:
    header, *lines = birds_csv.read_text("utf-8").splitlines()
    birds_csv.with_name("aves.csv").write_text("\n".join([header, *lines[:3]]), "utf-8")
    part = classify("--subset", "class=Aves", "--k", 50)
    alone = classify("--taxonomy", birds_csv.with_name("aves.csv"), "--k", 50)
    assert shares(part) == pytest.approx(shares(alone)) and len(shares(part)) == 3
    assert part["provenance"]["notes"][0] == "subset class=Aves: 3 of 6 classes"
    assert part["provenance"]["recipe"]["subset"] == ["class=Aves"]
    families = classify("--subset", "class=Aves", "--rank", "family", "--k", 50)
    assert shares(families).keys() == {"Paridae", "Turdidae"} and sum(shares(families).values()) == pytest.approx(1)


def test_a_subset_leaves_the_odds_among_its_classes_as_they_were(classify: Any) -> None:
    whole, part = shares(classify("--k", 6)), shares(classify("--subset", "!Plantae", "--k", 6))
    assert part.keys() == {"Parus major", "Cyanistes caeruleus", "Turdus merula", "Emys orbicularis"}
    total = sum(whole[name] for name in part)
    assert part == pytest.approx({name: whole[name] / total for name in part}, rel=1e-3)


def test_a_hard_species_list_is_a_subset_that_keeps_the_list(classify: Any, tmp_path: Path) -> None:
    park = tmp_path / "park.txt"
    park.write_text("great tit\nTurdus merula L.\nPasser domesticus\n", "utf-8")
    hard = classify("--adjust", f"species-list:file={park},mode=hard", "--plugin", "rollup")
    part = classify("--subset", park)
    assert shares(hard) == pytest.approx(shares(part), rel=1e-3) and shares(hard).keys() == {
        "Parus major",
        "Turdus merula",
    }
    assert hard["provenance"]["n_classes"] == 6 and part["provenance"]["n_classes"] == 2
    assert any("(hard): 2 of 6 classes" in note for note in hard["provenance"]["notes"])
    assert any("Passer domesticus" in note for note in hard["provenance"]["notes"])
    assert all(one["name"] != "Plantae" for one in hard["results"][0]["ranks"])
    mild, none = classify("--adjust", f"species-list:{park},mode=prior", "--k", 6), classify("--k", 6)
    assert shares(mild).keys() == shares(none).keys()
    assert shares(mild)["Parus major"] > shares(none)["Parus major"]


def test_one_class_left_is_explained_alone(classify: Any, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Parus major", "utf-8")
    document = classify("--adjust", f"species-list:{tmp_path / 'one.txt'}")
    [prediction] = document["results"][0]["predictions"]
    assert (prediction["name"], prediction["probability"]) == ("Parus major", None)
    assert prediction["note"] == "the only class left, which has no share"
    assert document["results"][0]["explanation"]["runner_up"] is None


def test_another_taxonomys_names(classify: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(
        "kingdom,class,family,genus,species\nAnimalia,Aves,Muscicapidae,Turdus,Turdus merula\n"
        "Animalia,Aves,Paridae,Parus,Parus major\n",
        "utf-8",
    )
    document = classify("--report-as", other, "--plugin", "rollup", "--k", 6)
    by_name = {one["name"]: one for one in document["results"][0]["predictions"]}
    assert shares(document) == shares(classify("--plugin", "rollup", "--k", 6))
    assert [step["name"] for step in by_name["Turdus merula"]["path"]][-3:] == [
        "Muscicapidae",
        "Turdus",
        "Turdus merula",
    ]
    assert by_name["Turdus merula"]["path"][-3]["probability"] is None, "no family of this run answers to it"
    assert by_name["Turdus merula"]["note"] is None and by_name["Emys orbicularis"]["note"] == "not in other.csv"
    assert "reported as in other.csv: 2 of 6 classes found there" in document["provenance"]["notes"][0]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--subset", "class=Avez"), "there is no class Avez; did you mean class Aves?"),
        (("--subset", "class="), "names nothing"),
        (("--subset", "missing.csv"), "the list missing.csv does not exist"),
        (("--adjust", "species-list"), "option 'file': expected a value, got none"),
        (("--adjust", "species-list:missing.txt"), "the list missing.txt does not exist"),
        (("--adjust", "wishes:x"), "no logit adjustment is called 'wishes'; known: country, occurrences, species-list"),
        (("--report-as", "missing.csv"), "the taxonomy missing.csv does not exist"),
    ],
)
def test_requests_that_are_wrong(classify: Any, flags: tuple[str, ...], message: str) -> None:
    assert message in classify(*flags)


def test_paths_in_a_recipe_are_beside_it(classify: Any, tmp_path: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "park.txt").write_text("Parus major\nTurdus merula\n", "utf-8")
    (folder / "other.csv").write_text("family,species\nX,Parus major\n", "utf-8")
    (folder / "recipe.yaml").write_text(
        "subset: [park.txt, genus=Emys]\nadjust: {name: species-list, file: park.txt, mode: prior}\nreport_as: other.csv\n",
        "utf-8",
    )
    document = classify("--recipe", folder / "recipe.yaml")
    assert shares(document).keys() == {"Parus major", "Turdus merula", "Emys orbicularis"}


def test_taxonomy_subset_writes_a_tree(run: Run, birds_csv: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.csv"
    code, _, err = run("taxonomy", "subset", birds_csv, "class=Aves", "!family=Turdidae", "--output", part)
    assert code == 0 and "note: subset class=Aves !family=Turdidae: 2 of 6 classes" in err
    code, out, _ = run("taxonomy", "list", part)
    assert [line.split(",")[7] for line in out.splitlines()] == ["species", "Parus major", "Cyanistes caeruleus"]
    code, listed, _ = run("taxonomy", "list", birds_csv, "--subset", "class=Aves", "--subset", "family!=Turdidae")
    assert code == 0 and listed == out
    code, out, _ = run("taxonomy", "subset", "--model", "field-guide", "genus=Turdus")
    assert code == 0 and out.count("Turdidae") == out.count("\n") - 1 > 0


@pytest.mark.parametrize("arguments", [(), ("birds.csv",), ("--model", "field-guide")])
def test_taxonomy_subset_wants_a_file_and_a_part(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run("taxonomy", "subset", *arguments)
    assert code == 2 and "expected a file and at least one part" in err

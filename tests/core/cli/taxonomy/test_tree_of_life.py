"""`--model bioclip-2` without a taxonomy, on a hub cache laid by hand."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioclip_x.cli.main import main
from bioclip_x_plugins.encoders.aliases import read_aliases
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import COMMIT, picture
from tree_of_life import Entry, embeddings, lay, names

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is read when huggingface_hub is imported, which another test may have done."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def rows() -> list[Entry]:
    return names()


@pytest.fixture
def encoder(tiny_model: str) -> Any:
    return OpenClip().load(tiny_model, device="cpu")


@pytest.fixture
def hub(tmp_path: Path, tiny_model: str, rows: list[Entry], encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = Path(tiny_model.removeprefix("local-dir:"))
    cache = lay(tmp_path / "hf", model, rows, embeddings(encoder, rows))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def species(row: Entry) -> str:
    return " ".join(filter(None, row[0][-2:]))


def test_names_and_shares_are_those_of_a_loop_over_the_files(
    run: Run, hub: Path, rows: list[Entry], encoder: Any, tmp_path: Path
) -> None:
    for i in range(3):
        picture(i).save(tmp_path / f"{i}.png")
    code, out, err = run(
        "classify", "--model", "bioclip-2", "--format", "csv", "--k", 3, *sorted(tmp_path.glob("*.png"))
    )
    assert code == 0, err
    told = list(csv.DictReader(io.StringIO(out)))
    columns_DR = embeddings(encoder, rows).astype(np.float64)
    for i in range(3):
        image_D = encoder.encode_images(encoder.preprocess(picture(i))[None]).embeddings_BD[0].double().numpy()
        logits = [encoder.card.logit_scale * float(image_D @ columns_DR[:, row]) for row in range(len(rows))]
        shares = np.exp(np.array(logits) - max(logits))
        shares /= shares.sum()
        best = np.argsort(-shares)[:3]
        for row, one in zip(best, told[3 * i : 3 * i + 3]):
            assert float(one["score"]) == pytest.approx(shares[row], rel=1e-3)
            assert [one[rank] for rank in ("kingdom", "family", "genus", "common_name")] == [
                rows[row][0][0], rows[row][0][4], rows[row][0][5], rows[row][1]
            ]  # fmt: skip
    assert f"imageomics/TreeOfLife-200M@{COMMIT}: txt_emb_species.json" in err
    homonyms = [name for name, times in Counter(map(species, rows)).items() if times > 1]
    assert "Oenanthe pumila" in homonyms
    assert f"{len(homonyms):,} names of several classes, distinguished by their lineages" in err


def test_labels_beside_it_are_embedded_here(run: Run, hub: Path, tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    arguments = ("--beside", "blank,vehicle", "--subset", "Aves", "--k", 9999, "--format", "json", tmp_path / "a.png")
    code, out, err = run("classify", "--model", "bioclip-2", *arguments)
    assert code == 0, err
    [result] = json.loads(out)["results"]
    shares = {(one["rank"], one["name"], one["note"]): one["probability"] for one in result["predictions"]}
    assert {key for key in shares if not key[0]} == {
        ("", "blank", "not in the tree"),
        ("", "vehicle", "not in the tree"),
    }
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5) and all(shares.values())


def test_the_whole_recipe_works_with_it(run: Run, hub: Path, tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    arguments = (
        "--plugin",
        "rollup",
        "--rank",
        "family",
        "--preprocess",
        "pybioclip",
        "--format",
        "json",
        tmp_path / "a.png",
    )
    code, out, err = run("classify", "--model", "bioclip-2", *arguments)
    assert code == 0, err
    document = json.loads(out)
    recipe = document["provenance"]["recipe"]
    assert (document["provenance"]["n_classes"], recipe["preprocess"]) == (1000, "pybioclip")
    [result] = document["results"]
    assert all(one["text"].startswith("an image of ") for one in result["explanation"]["descriptors"])


@pytest.mark.parametrize("kingdoms", [{"K1a"}, {"K0a", "K2a"}])  # one piece of the file, and two
def test_of_a_part_only_its_own_published_embeddings_are_compared(
    run: Run, hub: Path, rows: list[Entry], encoder: Any, tmp_path: Path, kingdoms: set[str]
) -> None:
    kept = [row for row, (lineage, _) in enumerate(rows) if lineage[0] in kingdoms]
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus")
    part = (f"kingdom={','.join(kingdoms)}", "!Animalia")
    picture(1).save(tmp_path / "a.png")
    flags = [flag for one in part for flag in ("--subset", one)]
    code, out, err = run(
        "classify", "--model", "bioclip-2", *flags, "--k", len(rows), "--format", "csv", tmp_path / "a.png"
    )
    assert code == 0 and f"{len(kept)} of 1000 classes" in err
    told = list(csv.DictReader(io.StringIO(out)))
    image_D = encoder.encode_images(encoder.preprocess(picture(1))[None]).embeddings_BD[0].double().numpy()
    logits = encoder.card.logit_scale * (image_D @ embeddings(encoder, rows).astype(np.float64)[:, kept])
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert [float(one["score"]) for one in told] == pytest.approx(sorted(shares, reverse=True), rel=1e-3)
    best = rows[kept[int(shares.argmax())]][0]
    assert [told[0][rank] for rank in ranks] == best[:6]


def test_another_text_is_embedded_here(run: Run, hub: Path, tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    code, out, err = run(
        "classify", "--model", "bioclip-2", "--text", "taxonomic:form=caption", "--format", "json", tmp_path / "a.png"
    )
    assert code == 0 and "published with" not in err
    texts = [one["text"] for one in json.loads(out)["results"][0]["explanation"]["descriptors"]]
    assert all(text.startswith("a photo of ") for text in texts)


def test_another_model_never_gets_these_embeddings(run: Run, hub: Path, tiny_model: str, tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    names_file = next(hub.glob("datasets--*/snapshots/*/embeddings/*.json"))
    assert names_file.with_suffix(".npy").exists()
    code, out, _ = run(
        "classify", "--model", tiny_model, "--taxonomy", names_file, "--format", "json", tmp_path / "a.png"
    )
    texts = [one["text"] for one in json.loads(out)["results"][0]["explanation"]["descriptors"]]
    assert code == 0 and all(text.startswith("a photo of ") for text in texts)
    code, _, err = run("classify", "--model", tiny_model, tmp_path / "a.png")
    assert code == 2 and "brings no list of classes" in err


def test_without_the_files_it_says_what_to_fetch(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    picture(1).save(tmp_path / "a.png")
    code, out, err = run("classify", "--model", "bioclip-2", tmp_path / "a.png")
    facts = read_aliases()["bioclip-2"].classes
    assert facts is not None
    command = (
        f"hf download --repo-type dataset --revision {facts.revision} {facts.dataset} {facts.names} {facts.embeddings}"
    )
    assert (code, out) == (2, "") and command in err and err.count("\n") == 1


def test_the_list_is_pybioclips(run: Run, hub: Path, rows: list[Entry]) -> None:
    code, out, _ = run("taxonomy", "list", "--model", "bioclip-2")
    lines = list(csv.reader(io.StringIO(out)))
    header = ["kingdom", "phylum", "class", "order", "family", "genus", "species_epithet", "species", "common_name"]
    assert code == 0 and lines[0] == header
    assert sorted(lines[1:]) == sorted([*row[0], species(row), row[1]] for row in rows)

"""Names stay in their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import ModelError, TaxonomyError
from bioclip_x.io.archives import open_archive
from bioclip_x.io.inside import resolve_inside


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "model" / "lists").mkdir(parents=True)
    (tmp_path / "model" / "lists" / "birds.csv").write_text("species\n")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["lists/birds.csv", "./lists/../lists/birds.csv", "lists\\birds.csv"])
def test_a_file_below_is_found(folder: Path, name: str) -> None:
    assert resolve_inside(folder, name, ModelError, "card") == (folder / "lists" / "birds.csv").resolve()


@pytest.mark.parametrize("name", ["../secret.txt", "lists/../../secret.txt", "/etc/passwd", "..\\secret.txt", "C:\\x"])
def test_a_file_outside_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ModelError, match=r"card: .* is outside of its folder"):
        resolve_inside(folder, name, ModelError, "card")


def test_a_link_may_lead_around_inside_but_not_out(folder: Path) -> None:
    (folder / "in.csv").symlink_to("lists/birds.csv")
    (folder / "out.csv").symlink_to("../secret.txt")
    assert resolve_inside(folder, "in.csv", ModelError, "card").name == "birds.csv"
    with pytest.raises(ModelError, match="a link that leads out of its folder"):
        resolve_inside(folder, "out.csv", ModelError, "card")


def test_the_hubs_cache_links_to_its_blobs(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--a--b" / "blobs").mkdir()
    (tmp_path / "models--a--b" / "blobs" / "9f").write_text("x")
    (snapshot / "taxonomy.csv").symlink_to("../../blobs/9f")
    assert resolve_inside(snapshot, "taxonomy.csv", ModelError, "card").read_text() == "x"


def test_a_root_around_the_folder_widens_it(folder: Path) -> None:
    assert resolve_inside(folder, "../secret.txt", ModelError, "card", root=folder.parent).name == "secret.txt"
    with pytest.raises(ModelError, match="outside"):
        resolve_inside(folder, "../../x", ModelError, "card", root=folder.parent)


def test_a_folder_read_as_an_archive_follows_no_link_out(folder: Path) -> None:
    (folder / "taxon.tsv").symlink_to("../secret.txt")
    with open_archive(folder) as archive, pytest.raises(TaxonomyError, match="leads out"), archive.open("taxon.tsv"):
        pass

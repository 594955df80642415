from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import ModelError
from bioclip_x_plugins.encoders.aliases import read_aliases
from bioclip_x_plugins.encoders.hub import read_commit
from bioclip_x_plugins.encoders.locate import locate
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import COMMIT, lay_hub_cache


def test_the_commit_is_that_of_the_nearest_snapshots() -> None:
    assert read_commit(Path("/snapshots/me/datasets--a--b/snapshots/abc/embeddings/names.json")) == "abc"
    assert read_commit(Path("/home/me/names.json")) == ""


def test_embeddings_of_another_commit_than_the_names_are_not_used(
    tmp_path: Path, hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    facts = read_aliases()["bioclip-2"].classes
    assert facts is not None
    for commit, files in ((COMMIT, [facts.names, facts.embeddings]), (facts.revision, [facts.names])):
        for file in files:
            (tmp_path / commit / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / commit / file).write_text("")
        lay_hub_cache(
            hub_home, facts.dataset, tmp_path / commit, commit, "main" if commit == COMMIT else "other", "dataset"
        )
    names = OpenClip().own_classes("bioclip-2")
    assert names is not None and facts.revision in names.source
    with pytest.raises(ModelError, match=f"--revision {facts.revision}"):
        OpenClip().own_classes("bioclip-2", embeddings=True)


def test_a_snapshot_that_was_changed_in_place_is_told_apart(tiny_model: str, hub_home: Path, tmp_path: Path) -> None:
    """By its files, as in the hub's cache: links to blobs. The revision, which outputs report, is the commit."""
    lay_hub_cache(hub_home, "org/name", Path(tiny_model.removeprefix("local-dir:")))
    weights = hub_home / "hub" / "models--org--name" / "snapshots" / COMMIT / "open_clip_model.safetensors"
    blob = tmp_path / "blob"
    weights.rename(blob)
    weights.symlink_to(blob)

    def find() -> tuple[str, str]:
        located = locate("hf-hub:org/name")
        return located.revision, located.files

    before = find()
    assert find() == before and before[1]
    raw = blob.read_bytes()
    blob.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))  # the same size
    after = find()
    assert after[0] == before[0] == f"org/name@{COMMIT}" and after[1] != before[1]
    (tmp_path / "other").write_bytes(raw)
    weights.unlink()
    weights.symlink_to(tmp_path / "other")
    assert find()[1] not in (before[1], after[1])
    assert locate(tiny_model).files == ""  # the revision is a hash of the content

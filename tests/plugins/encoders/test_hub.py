from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import ModelError
from bioclip_x_plugins.encoders.aliases import read_aliases
from bioclip_x_plugins.encoders.hub import read_commit
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

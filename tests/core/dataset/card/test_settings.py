"""Settings as they may be published."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.dataset.card.settings import Hider, describe_settings, hide_folder
from bioclip_x.dataset.config import make_config


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/ann/itis.csv", "itis.csv"),
        ("~/itis.csv", "itis.csv"),
        ("../../ann/itis/", "itis"),
        ("C:\\Users\\ann\\itis.csv", "itis.csv"),
        ("\\\\server\\ann\\itis.csv", "itis.csv"),
        ("local-dir:/home/ann/model", "local-dir:model"),
        ("file:///home/ann/list.txt", "file:list.txt"),
        ("/", "…"),
        ("lists/rare.txt", "lists/rare.txt"),
        ("hf-hub:imageomics/bioclip", "hf-hub:imageomics/bioclip"),
        ("ViT-B-16/openai", "ViT-B-16/openai"),
    ],
)
def test_folders_of_this_machine_are_hidden(path: str, shown: str) -> None:
    assert hide_folder(path) == shown


def test_only_what_was_given_is_told_and_no_addresses_or_keys() -> None:
    config = make_config({
        "sources": [{"name": "inat21", "root": "/home/ann/inat", "as": "iNat21", "licence": "CC-BY"}],
        "taxonomies": [{"path": "/home/ann/itis.csv", "as": "ITIS"}],
        "held_out": {"species": "/home/ann/rare.txt", "sources": [{"name": "manifest", "path": "/home/ann/test.csv"}]},
        "captions": {"name": "endpoint", "url": "http://ann:key@host", "key": "sk-1", "bins": 0, "fraction": 0.5},
        "output": "/home/ann/out", "memory": "1GB", "model": "local-dir:/home/ann/model", "plugins": ["/home/ann/own.py"],
    })  # fmt: skip
    described = describe_settings(config)
    assert described == {
        "sources": [{"name": "inat21", "as": "iNat21", "licence": "CC-BY"}],
        "taxonomies": [{"path": "itis.csv", "as": "ITIS"}],
        "held_out": {"species": "rare.txt", "sources": [{"name": "manifest"}]},
        "captions": {"component": "endpoint", "bins": 0, "fraction": 0.5},
        "model": "local-dir:model",
        "plugins": ["own.py"],
    }


def test_texts_lose_known_folders(tmp_path: Path) -> None:
    hide = Hider((tmp_path,))
    assert hide(f"{tmp_path}/a b/x.jpg is cut short") == "a b/x.jpg is cut short"
    assert hide(str(Path.home() / "x")) == "x"

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bioclip_x.errors import ModelError
from bioclip_x.io.tensor_files import open_tensors, read_tensors


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3.0)}, tmp_path / "a.safetensors", {"about": "x"})
    assert read_tensors(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]
    with open_tensors(tmp_path / "a.safetensors") as file:
        assert file.metadata() == {"about": "x"}


def test_what_is_no_whole_file_of_tensors_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    with pytest.raises(ModelError, match="it does not exist"):
        read_tensors(file, ModelError)
    save_file({"a": torch.arange(3.0)}, file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"a\.safetensors is not a file of tensors \(safetensors\), or it is damaged"):
        read_tensors(file, ModelError)
    with pytest.raises(ModelError, match="it is a folder"):
        read_tensors(tmp_path, ModelError)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="no regular file"):
        read_tensors(tmp_path / "pipe", ModelError)

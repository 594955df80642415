from __future__ import annotations

import json

import pytest

from bioclip_x.caches import open_cache_file
from bioclip_x.cli.main import main
from bioclip_x.settings import find_cache_folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["cache", *arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def put(name: str, n_bytes: int) -> None:
    with open_cache_file(find_cache_folder() / name) as stream:
        stream.write(bytes(n_bytes))


def test_what_is_cached_and_clearing_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOCLIP_X_CACHE_SIZE", "0.5")
    put("banks/a", 1_500_000)
    put("banks/b", 500)
    put("taxonomies/c.npz", 20)
    code, out, _ = run(capsys, "info")
    assert code == 0 and f"{find_cache_folder()}: 1.5 MB of at most 500.0 MB\n  banks: 2 entries, 1.5 MB, " in out
    document = json.loads(run(capsys, "info", "--format", "json")[1])
    assert (document["bytes"], document["limit"]) == (1_500_520, 500_000_000)
    assert document["kinds"]["taxonomies"]["entries"] == 1
    assert run(capsys, "clear", "banks")[:2] == (0, "deleted 2 entries, 1.5 MB\n")
    code, _, err = run(capsys, "clear", "banks")
    assert code == 2 and "nothing of the kind 'banks' is cached; there is taxonomies" in err
    assert run(capsys, "clear")[:2] == (0, "deleted 1 entry, 20 bytes\n")
    assert run(capsys, "clear")[:2] == (0, "deleted 0 entries, 0 bytes\n")


def test_without_a_cache(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "info")[:2] == (0, f"{find_cache_folder()}: 0 bytes of at most 20.0 GB\n")

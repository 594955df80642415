from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from bioclip_x.distributed import cluster as cluster_module
from bioclip_x.distributed.cluster import Cluster, Shares, check_address, connect, find_shares, import_ray
from bioclip_x.errors import BioclipXError, RecipeError


@pytest.mark.parametrize(
    ("cluster", "device", "cpus", "gpus", "shares"),
    [
        (Cluster(), "auto", 16, 0, Shares(4, 4, 0)),
        (Cluster(), "auto", 2, 0, Shares(1, 2, 0)),
        (Cluster(workers=2), "auto", 2, 0, Shares(2, 1, 0)),
        (Cluster(workers=3), "auto", 2, 0, Shares(3, 0.66, 0)),
        (Cluster(workers=500), "auto", 2, 0, Shares(500, 0.01, 0)),
        (Cluster(), "auto", 96, 8, Shares(8, 1, 1)),
        (Cluster(), "cpu", 96, 8, Shares(24, 4, 0)),
        (Cluster(gpus_per_worker=0.5), "cuda", 96, 8, Shares(16, 1, 0.5)),
        (Cluster(gpus_per_worker=0.3), "cuda", 96, 8, Shares(24, 1, 0.3)),
        (Cluster(gpus_per_worker=2), "cuda", 96, 8, Shares(4, 1, 2)),
        (Cluster(workers=3), "auto", 96, 8, Shares(3, 1, 1)),
        (Cluster(), "auto", 4, 8, Shares(8, 0.5, 1)),
    ],
)
def test_shares(cluster: Cluster, device: str, cpus: float, gpus: float, shares: Shares) -> None:
    found = find_shares(cluster, device, {"CPU": cpus, "GPU": gpus})
    assert found == shares
    assert found.workers * found.gpus <= gpus
    assert found.workers * found.cpus <= cpus or found.cpus == 0.01


@pytest.mark.parametrize(
    ("cluster", "device", "told"),
    [
        (
            Cluster(workers=3, gpus_per_worker=1),
            "auto",
            "3 workers with 1 GPUs each do not fit: the Ray cluster has 2, for 2",
        ),
        (Cluster(workers=7, gpus_per_worker=0.3), "auto", "for 6"),
        (Cluster(gpus_per_worker=1.5), "auto", "expected a whole number"),
        (Cluster(), "cuda:1", "Ray assigns the GPUs"),
        (Cluster(gpus_per_worker=0), "cuda", "needs a GPU for each worker"),
    ],
)
def test_shares_that_there_are_not(cluster: Cluster, device: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        find_shares(cluster, device, {"CPU": 4, "GPU": 2})


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RecipeError, match=r"pip install 'bioclip-x\[ray\]'"):
        import_ray()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "127.0.0.1:99999", "localhost:http"])
def test_an_address_without_a_cluster(address: str) -> None:
    with pytest.raises(BioclipXError, match="no connection to Ray"):
        check_address(address)


def test_the_driver_is_on_a_machine_of_the_cluster() -> None:
    with pytest.raises(RecipeError, match="expected auto or HOST:PORT"):
        check_address("ray://127.0.0.1:10001")


@pytest.mark.parametrize("connected", [True, False])
def test_what_ray_prints_is_on_stderr(
    connected: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray prints failed tasks on standard output, the repeated ones of them as it ends; that is the program's output."""
    ray = SimpleNamespace(
        is_initialized=lambda: connected, init=lambda **_: print("init"), shutdown=lambda: print("shutdown")
    )
    monkeypatch.setattr(cluster_module, "import_ray", lambda: ray)
    with pytest.raises(KeyboardInterrupt), connect(None):
        print("failed task")
        raise KeyboardInterrupt
    print("own")
    out, err = capsys.readouterr()
    assert out == "own\n"
    assert err.split() == (["failed", "task"] if connected else ["init", "failed", "task", "shutdown"])

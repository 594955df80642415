"""The scripts in examples/slurm, with stand-ins for Slurm's commands and torchrun."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "examples" / "slurm").glob("*.sh"))
STANDINS = {
    "srun": 'exec "$@"',
    # Saves on SIGTERM, as the trainer does; else ends after a while.
    "torchrun": """
        echo "torchrun $*" >> "$LOG"
        trap 'echo saved >> "$LOG"; exit 1' TERM
        touch "$LOG.started"
        for i in $(seq "$STEPS"); do sleep 0.05; done
        echo complete >> "$LOG"
    """,
    "scontrol": """
        if [ "$1" = show ]; then printf 'node-1\\nnode-2\\n'; else echo "scontrol $*" >> "$LOG"; fi
    """,
}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def start(script: Path, folder: Path, steps: int) -> tuple[subprocess.Popen[bytes], Path]:
    for name, body in STANDINS.items():
        file = folder / name
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(0o755)
    log = folder / "log"
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "LOG": str(log), "STEPS": str(steps)}
    slurm = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "node-[1-2]", "SLURM_NNODES": "2"}
    return subprocess.Popen(["bash", script, "a.yaml", "run"], env=environment | slurm), log


def read_parts(script: Path, log: Path) -> list[str]:
    first, *rest = log.read_text().splitlines()
    assert first.endswith("-m bioclip_x train a.yaml --output run --resume auto")
    assert ("--rdzv-endpoint=node-1:29500" in first) == ("nodes" in script.stem)
    return rest


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_before_the_time_limit_the_run_is_saved_and_requeued(script: Path, tmp_path: Path) -> None:
    process, log = start(script, tmp_path, steps=1000)
    deadline = time.monotonic() + 30
    while not (tmp_path / "log.started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=30) == 0
    assert read_parts(script, log) == ["saved", "scontrol requeue 7"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_complete_run_is_not_requeued(script: Path, tmp_path: Path) -> None:
    process, log = start(script, tmp_path, steps=1)
    assert process.wait(timeout=30) == 0
    assert read_parts(script, log) == ["complete"]


def test_there_are_scripts_for_one_and_four_nodes() -> None:
    assert [script.stem for script in SCRIPTS] == ["1-node", "4-nodes"]
    for script, nodes in zip(SCRIPTS, (1, 4)):
        text = script.read_text()
        assert f"#SBATCH --nodes={nodes}\n" in text and "#SBATCH --requeue\n" in text

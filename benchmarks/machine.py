"""What a result was measured on: goes into every results file."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def processor() -> str:
    """The processor's own name, from the kernel where it tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def describe(*packages: str) -> dict[str, object]:
    """Processor, cores, Python, and the versions of bioclip-x, torch, open_clip and `packages`."""
    named = ("bioclip-x", "torch", "open_clip_torch", "numpy", "pillow", *packages)
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in named},
    }

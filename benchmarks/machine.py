"""Description of the machine, for every results file."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def get_processor() -> str:
    """Returns the processor's model name, from the kernel if possible."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def describe(*packages: str) -> dict[str, object]:
    """Returns processor, cores, Python, and the versions of bioclip-x, torch, open_clip and `packages`."""
    names = ("bioclip-x", "torch", "open_clip_torch", "numpy", "pillow", *packages)
    return {
        "processor": get_processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in names},
    }

"""Where bioclip-x keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """$BIOCLIP_X_CACHE, else the platform's place for caches (on Linux ~/.cache/bioclip-x)."""
    import platformdirs

    chosen = os.environ.get("BIOCLIP_X_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("bioclip-x", appauthor=False))

"""Where bioclip-x keeps what it can make again."""

from __future__ import annotations

from pathlib import Path


def cache_folder() -> Path:
    """$BIOCLIP_X_CACHE, else `cache` of the user's configuration file, else the platform's place for caches.

    On Linux that is ~/.cache/bioclip-x. Raises SettingsError for a configuration file that cannot be read.
    """
    from bioclip_x.settings import load_settings

    return Path(load_settings().values.get("cache") or default_cache_folder())


def default_cache_folder() -> Path:
    """The platform's place for caches."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("bioclip-x", appauthor=False))

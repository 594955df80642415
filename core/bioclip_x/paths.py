"""Where bioclip-x keeps what it can make again, and what it cannot."""

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


def data_folder() -> Path:
    """$BIOCLIP_X_DATA, else `data` of the user's configuration file, else the platform's place for a program's data.

    On Linux that is ~/.local/share/bioclip-x. Raises SettingsError for a configuration file that cannot be read.
    """
    from bioclip_x.settings import load_settings

    return Path(load_settings().values.get("data") or default_data_folder())


def default_data_folder() -> Path:
    """The platform's place for a program's data."""
    import platformdirs

    return Path(platformdirs.user_data_dir("bioclip-x", appauthor=False))

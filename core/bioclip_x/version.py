"""The version of this release. `docs/stability.md` says what the numbers mean."""

__version__ = "0.1.0"

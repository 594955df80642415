"""Detectors: boxes and masks from files."""

"""Taxonomy readers."""

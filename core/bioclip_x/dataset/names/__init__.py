"""Resolves the names that sources give."""

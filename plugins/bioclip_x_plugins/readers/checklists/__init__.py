"""Readers of checklists: rows of names with identifiers and parents."""

"""Readers of tables with a lineage in each row."""

"""Readers of tables with one lineage per row."""

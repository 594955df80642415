"""Repeats the tables of papers: published values beside our own."""

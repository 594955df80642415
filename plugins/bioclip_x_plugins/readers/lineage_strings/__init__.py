"""Readers of lineages written as one text, as databases and classifiers of sequences do."""

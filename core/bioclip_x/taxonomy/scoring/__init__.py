"""Scores on the tree: sums over clades, expected costs, hedging, severity of mistakes."""

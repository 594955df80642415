"""Scores of the nodes of a tree → what is reported of an image."""

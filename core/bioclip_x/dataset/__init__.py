"""Builds data sets of images whose names are unified: sources, names, duplicates, captions, shards."""

"""Builds data sets: from images with names to shards that `train` reads."""

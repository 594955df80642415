"""Builds data sets for training: from sources of images to shards, a catalogue and a data card."""

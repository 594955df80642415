"""Builds data sets of images from any sources."""

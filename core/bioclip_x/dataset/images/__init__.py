"""Finds, reads, embeds and encodes the images."""

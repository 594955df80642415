"""Finds images that are the same: equal files, equal pictures, equal content."""

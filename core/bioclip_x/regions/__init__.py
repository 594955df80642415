"""Regions: the parts of an image that are named on their own, from a detector to what the model sees of them."""

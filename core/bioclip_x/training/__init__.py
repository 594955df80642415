"""Trains the models that the classifier uses, from the same text builders and taxonomies."""

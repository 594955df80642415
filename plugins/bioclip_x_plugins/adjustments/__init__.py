"""Adjustments of class logits."""

"""Evaluates predictions and descriptors on labelled images: accuracies, intervals, separability."""

"""Few-shot evaluation: folds of support images, classifiers made from them, and their accuracy on the other images."""

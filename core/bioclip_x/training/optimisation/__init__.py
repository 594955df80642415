"""The optimiser's side of training: parameter groups, learning rates, clipping, and the average of the weights."""

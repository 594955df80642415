"""The card of a data set: README.md, card.html and train.yaml, counted from its catalogue."""

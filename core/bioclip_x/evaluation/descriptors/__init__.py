"""How useful each descriptor is on labelled images, and which ones to leave out."""

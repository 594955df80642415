"""The field guide: real species as data, and a renderer that draws them with a mask for every visible trait."""

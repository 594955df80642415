"""The field guide: data on real species, and a renderer that draws them with a mask for every visible trait."""

# The commands of docs/explanations.md.

# [start:explanations]
bioclip-x classify --plugin descriptors examples/drawings
bioclip-x classify --plugin descriptors examples/drawings/cyanistes-caeruleus.png --why-not "Parus major"
bioclip-x classify --plugin descriptors examples/drawings --report why.md --report why.json
# [end:explanations]

# [start:in-markdown]
bioclip-x classify --plugin descriptors examples/drawings --report names.md
bioclip-x classify --plugin descriptors examples/drawings --format markdown:strongest=5
# [end:in-markdown]

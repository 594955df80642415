# The commands of docs/texts.md.

# [start:texts]
bioclip-x classify --text common examples/drawings
bioclip-x classify --text templates:openai-80,name=scientific examples/drawings
bioclip-x classify --text taxonomic --text descriptors examples/drawings
# [end:texts]

# [start:template-sets]
bioclip-x classify --model bioclip-2 --labels "red fox,gray wolf" --text templates:openai-80 photos/
# [end:template-sets]

# [start:template-sets-2]
bioclip-x classify --text templates:docs/code/on-a-leaf.yaml,name=scientific examples/drawings
# [end:template-sets-2]

# [start:descriptors-background-and-what-is-inherited]
bioclip-x classify --taxonomy my-species.csv --text descriptors --descriptors docs/code/families.yaml --inherit examples/drawings
# [end:descriptors-background-and-what-is-inherited]

# [start:controls]
bioclip-x classify --text descriptors examples/drawings
bioclip-x classify --text swapped examples/drawings
bioclip-x classify --text swapped:within=family examples/drawings
bioclip-x classify --text random-words examples/drawings
bioclip-x classify --text random-characters:seed=1 examples/drawings
bioclip-x classify --plugin waffle examples/drawings
bioclip-x evaluate field-guide:count=200,seed=9 --compare descriptors --compare swapped --compare random-words
# [end:controls]

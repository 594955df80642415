# The commands of docs/tutorials/first-afternoon.md.

# [start:drawings]
bioclip-x classify --plugin descriptors examples/drawings --report report.html
# [end:drawings]

# [start:one]
bioclip-x classify --plugin descriptors examples/drawings/amanita-muscaria.png
bioclip-x classify --plugin descriptors examples/drawings/amanita-muscaria.png --why-not "Amanita phalloides"
# [end:one]

# [start:list]
bioclip-x taxonomy validate examples/own-species.csv
bioclip-x taxonomy show examples/own-species.csv
# [end:list]

# [start:photos]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --report names.html
# [end:photos]

# [start:family]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --rank family
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --head hedge:0.9
# [end:family]

# [start:table]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --output names.csv
# [end:table]

# [start:calibrate]
bioclip-x calibrate field-guide:count=400,seed=7
bioclip-x classify examples/drawings --depth auto --accuracy 0.95
# [end:calibrate]

# [start:own]
bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --depth auto --accuracy 0.8
# [end:own]

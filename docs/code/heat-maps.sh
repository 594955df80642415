# The commands of docs/heat-maps.md.

# [start:heat-maps-where-a-similarity-comes-from]
bioclip-x classify --plugin descriptors --heat-maps examples/drawings --report report.html
# [end:heat-maps-where-a-similarity-comes-from]

# [start:heat-maps-where-a-similarity-comes-from-2]
bioclip-x classify --plugin descriptors --heat-maps examples/drawings --format heat-maps --output maps/
# [end:heat-maps-where-a-similarity-comes-from-2]

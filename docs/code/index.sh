# [start:first]
bioclip-x classify --plugin descriptors examples/drawings --report report.html
# [end:first]

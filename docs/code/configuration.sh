# The commands of docs/configuration.md.

# [start:configuration]
bioclip-x config                  # every setting, its value and its origin
bioclip-x config --format json
bioclip-x config --path           # the path of the configuration file
# [end:configuration]

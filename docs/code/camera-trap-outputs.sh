# The commands of docs/camera-trap-outputs.md.

cp docs/code/deployments.csv deployments.csv

# [start:camtrap-dp]
bioclip-x classify examples/drawings --output names.csv --report camtrap-dp:package
bioclip-x classify examples/drawings --output package --format camtrap-dp:deployments=deployments.csv,timezone=Europe/Warsaw
# [end:camtrap-dp]

# [start:others]
bioclip-x classify examples/drawings --report darwin-core:occurrences.zip --report map.geojson --report megadetector:timelapse.json
bioclip-x classify examples/drawings --output upload.csv --format inaturalist:geoprivacy=private
# [end:others]

# [start:sort]
bioclip-x sort names.csv --into sorted --by family,species          # only tells what it would do
bioclip-x sort names.csv --into sorted --by family,species --apply
# [end:sort]

# [start:keywords]
bioclip-x sort names.csv --write-xmp --apply
# [end:keywords]

# The commands of docs/priors.md.

# [start:occurrences]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv --adjust occurrences:gbif.csv photos/
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv --metadata sites.csv \
    --adjust occurrences:file=gbif.csv,radius=50km,season=30d photos/
# [end:occurrences]

# [start:country]
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv --adjust country:file=geofence.json,code=KEN photos/
bioclip-x classify --model bioclip-2 --taxonomy my-species.csv --metadata sites.csv \
    --adjust country:file=species-by-country.csv,mode=prior photos/
# [end:country]

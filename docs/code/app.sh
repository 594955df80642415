# The commands of docs/app.md.

cp docs/code/bioclip-x-labels.csv bioclip-x-labels.csv

# [start:start]
bioclip-x app
# [end:start]

# [start:own]
bioclip-x app --taxonomy my-species.csv --labels my-labels.csv --port 8800 --no-browser
# [end:own]

# [start:labels]
bioclip-x evaluate bioclip-x-labels.csv --plugin descriptors
# [end:labels]

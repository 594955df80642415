# [start:parquet]
import json

import pandas
import pyarrow.parquet

names = pandas.read_parquet("names.parquet")
provenance = json.loads(pyarrow.parquet.read_schema("names.parquet").metadata[b"bioclip_x.provenance"])
# [end:parquet]

# [start:embeddings-2]
import json

import numpy

with numpy.load("photos.npz") as file:
    names, vectors = file["file_name"], file["embeddings"]
    normalised = json.loads(str(file["provenance"]))["normalised"]
# [end:embeddings-2]

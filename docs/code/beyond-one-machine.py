# [start:reading]
import json
from pathlib import Path

import pandas

names = pandas.read_parquet("named")  # all parts, without the files that begin with an underscore
provenance = json.loads(Path("named/_provenance.json").read_text("utf-8"))  # there only if the run is complete
# [end:reading]

assert names["file_name"].nunique() == 10 and provenance["model"] == "field-guide"

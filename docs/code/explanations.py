# [start:in-python]
from bioclip_x import Classifier

[result] = Classifier(plugins=["descriptors"], why_not="Parus major").classify(
    "examples/drawings/cyanistes-caeruleus.png"
)
why = result.explanation
why.winner, why.runner_up, why.margin, why.baseline
why.to_frame().groupby("class")["contribution"].sum()
# [end:in-python]

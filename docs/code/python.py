# [start:python]
from bioclip_x import Classifier

classifier = Classifier.from_recipe("descriptors", taxonomy="examples/own-species.csv")
results = classifier("examples/drawings")
results.to_frame()
results.write("names.html")
# [end:python]

from pathlib import Path

from PIL import Image

pixels = Image.open("examples/drawings/amanita-muscaria.png")
data = Path("examples/drawings/amanita-muscaria.png").read_bytes()
for name in ("a.jpg", "b.jpg"):
    pixels.convert("RGB").save(name)

# [start:in-python]
from bioclip_x import Classifier

classifier = Classifier(plugins=["descriptors"])
classifier.classify("photos/")  # whatever the command line takes
classifier.classify(["a.jpg", Path("b.jpg")])  # a list, an array or a pandas Series of paths
classifier.classify(data)  # the bytes of an image file, or a file open for reading bytes
classifier.classify(pixels)  # PIL, numpy, torch
# [end:in-python]

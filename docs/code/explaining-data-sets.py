from bioclip_x import create_registry

dataset = create_registry().make("datasets", "field-guide", {"count": 90, "seed": 8})
# [start:in-python]
from bioclip_x import Classifier
from bioclip_x.evaluation.descriptors.usefulness import measure_usefulness
from bioclip_x.evaluation.labelled_images import embed_labelled_images

classifier = Classifier(plugins=["descriptors"])
notes = list(dataset.prepare(classifier.taxonomy))
labelled = embed_labelled_images(classifier, dataset)
usefulness = measure_usefulness(classifier, labelled, "my photos", notes=notes)
# [end:in-python]

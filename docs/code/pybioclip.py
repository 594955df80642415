from pathlib import Path

from bioclip_x import Classifier, Embedder, create_registry

# [start:tree-of-life]
# TreeOfLifeClassifier().predict(["photos/0.jpg"], Rank.SPECIES)
classifier = Classifier("bioclip-2", preprocess="pybioclip")
for result in classifier(["photos/0.jpg"]):
    for prediction in result.predictions:
        print(prediction.taxon.name, prediction.probability)
# [end:tree-of-life]

# [start:rank]
# classifier.predict("photos/0.jpg", Rank.FAMILY, k=3)
families = Classifier("bioclip-2", rank="family", k=3, preprocess="pybioclip")
print(families("photos/0.jpg").to_frame())
# [end:rank]

# [start:labels]
# CustomLabelsClassifier(["duck", "fish", "bear"]).predict("photos/0.jpg")
labels = Classifier("bioclip-2", labels=["duck", "fish", "bear"], text="templates:openai-80", preprocess="pybioclip")
print([(one.taxon.name, one.probability) for one in labels("photos/0.jpg")[0].predictions])
# [end:labels]

Path("bins.csv").write_text("label,bin\ndog,small\nfish,small\nbear,big\n", "utf-8")
# [start:bins]
# CustomLabelsBinningClassifier({"dog": "small", "fish": "small", "bear": "big"}).predict("photos/0.jpg")
bins = Classifier(
    "bioclip-2",
    taxonomy="bins.csv",
    taxonomy_format="bins",
    rank="bin",
    text="templates:openai-80",
    preprocess="pybioclip",
)
print([(one.taxon.name, one.probability) for one in bins("photos/0.jpg")[0].predictions])
# [end:bins]

# [start:filter]
# classifier.apply_filter(classifier.create_taxa_filter(Rank.CLASS, ["Aves"])); create_taxa_filter_from_csv("park.csv")
kingdom = classifier.taxonomy.class_taxon(0).lineage[0][1]
part = Classifier("bioclip-2", subset=f"kingdom={kingdom}", preprocess="pybioclip")
park = Classifier("bioclip-2", subset="park.csv", preprocess="pybioclip")
print(part.taxonomy.n_classes, park.taxonomy.n_classes)
# [end:filter]

# [start:recorder]
# attach_prediction_recorder(classifier); save_recorded_predictions(classifier, "log.json")
results = classifier("photos")
results.write("names.json")  # with results.provenance
# [end:recorder]

# [start:features]
# classifier.create_image_features([image]); classifier.get_txt_embeddings()
embedder = Embedder(classifier.recipe, create_registry(), normalise=False)
vectors = [row.vector_D for row in embedder.images("photos").rows]
# [end:features]

# [start:label-data]
# classifier.get_label_data()
taxa = [classifier.taxonomy.class_taxon(c) for c in range(classifier.taxonomy.n_classes)]
# [end:label-data]

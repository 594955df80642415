# Commands of docs/models.md on image classifiers.

python examples/make_onnx_classifier.py drawings
bioclip-x taxonomy list --output my-species.csv

# [start:onnx]
bioclip-x classify --model onnx:drawings/drawings.onnx --taxonomy my-species.csv --plugin rollup examples/drawings
bioclip-x calibrate --model onnx:drawings/drawings.onnx --taxonomy my-species.csv field-guide:count=400,seed=7
bioclip-x evaluate --model onnx:drawings/drawings.onnx --taxonomy my-species.csv field-guide:count=200,seed=9
# [end:onnx]

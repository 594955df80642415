# The commands of docs/camera-traps.md.

# [start:boxes]
python examples/camera_trap_card.py card
bioclip-x classify card --boxes card/detections.json --output names.csv --report names.html   # status 1: one file is broken
# [end:boxes]

# [start:events]
bioclip-x classify card --boxes card/detections.json --event-by 60s --frames 1/s --report camtrap-dp:package   # status 1
# [end:events]

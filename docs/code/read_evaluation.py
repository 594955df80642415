# [start:read]
import json
from pathlib import Path

evaluation = json.loads(Path("texts.json").read_text("utf-8"))
for text in evaluation["texts"]:
    top1 = text["top1"]
    print(f"{text['text']}: {top1['value']:.1%}, 95% interval {top1['low']:.1%} to {top1['high']:.1%}")
# [end:read]

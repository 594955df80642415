import numpy as np
import torch

from bioclip_x.plugin import Logits, roll_up
from bioclip_x.testing import make_taxonomy

taxonomy = make_taxonomy()
true_classes = np.arange(taxonomy.n_classes)
scores = roll_up(Logits.of(torch.eye(taxonomy.n_classes) * 3), taxonomy)
# [start:hedge]
from bioclip_x.taxonomy.scoring import hedging

bets = hedging.compute_bets(scores, taxonomy)  # of labelled images; small for a tree of any size
lambda_ = hedging.fit_lambda(bets, true_classes, taxonomy, accuracy=0.95)
nodes = hedging.select_best_bet(bets, lambda_)
# [end:hedge]

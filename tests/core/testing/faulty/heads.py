"""Heads, each with one fault."""

from dataclasses import replace

import torch

from bioclip_x.plugin import HeadCapabilities, HeadInput, Scores, roll_up

KIND = "heads"


class Right:
    """softmax"""

    def decide(self, given: HeadInput) -> Scores:
        return self.change(roll_up(self.prepare(given).logits, given.taxonomy, n_best=given.n_best), given)

    def prepare(self, given: HeadInput) -> HeadInput:
        return given

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return scores


class Unnormalised(Right):
    """probabilities that do not sum to 1"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return replace(scores, log_probs_BI=scores.log_probs_BI - 0.1)


class Sunken(Right):
    """a class that is more probable than its genus"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        log_BI = scores.log_probs_BI.clone()
        log_BI[:, given.taxonomy.place_N[given.taxonomy.inner_taxa]] -= 1
        return replace(scores, log_probs_BI=log_BI)


class Repeating(Right):
    """one class several times"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return replace(scores, top_BK=torch.zeros_like(scores.top_BK))


class Reversed(Right):
    """log-probabilities of other classes"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return replace(scores, log_top_BK=scores.log_top_BK.flip(1))


class OfTrees(Right):
    """as many best classes as were asked for, also where there are fewer"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        missing = given.n_best - scores.top_BK.shape[1]
        return replace(scores, top_BK=torch.nn.functional.pad(scores.top_BK, (0, missing)))


class AllNodes(Right):
    """probabilities of all nodes, however many"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        log_BN = torch.zeros(len(scores.top_BK), given.taxonomy.n_nodes)
        log_BN[:, given.taxonomy.held_nodes] = scores.log_probs_BI
        return replace(scores, log_probs_BI=log_BN)


class Tempered(Right):
    """a temperature that is not declared"""

    def prepare(self, given: HeadInput) -> HeadInput:
        return replace(given, logits=given.logits.map(lambda start, stop, part: part / 2))


class Undecided(Right):
    """an option for λ that it does not have"""

    capabilities = HeadCapabilities(depth_option="lambda_")


class OfBatches(Right):
    """a temperature that depends on the batch"""

    capabilities = HeadCapabilities(is_softmax=False)

    def prepare(self, given: HeadInput) -> HeadInput:
        images = given.logits.n_images
        return replace(given, logits=given.logits.map(lambda start, stop, part: part / images))


class OfParts(Right):
    """logits that are centred in each part"""

    def prepare(self, given: HeadInput) -> HeadInput:
        return replace(given, logits=given.logits.map(lambda start, stop, part: part - part.amax(0)))


class Inclusive(Right):
    """excluded classes that are possible"""

    def prepare(self, given: HeadInput) -> HeadInput:
        return replace(given, logits=given.logits.map(lambda start, stop, part: part.nan_to_num(neginf=9.0)))


class LastFirst(Right):
    """ties that go to the last class"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return replace(scores, top_BK=scores.top_BK.flip(1))


class Overflowing(Right):
    """exponentials of large numbers"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        exp_BC = given.logits.logits_BC.exp()
        return replace(
            scores, log_top_BK=(exp_BC / exp_BC.sum(1, keepdim=True)).log().sort(1, descending=True).values[:, :5]
        )


class OfOtherRanks(Right):
    """a rank that the tree lacks"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return replace(scores, ranks=("species", "tribe"))


class OfClasses(Right):
    """classes where nodes are expected"""

    def change(self, scores: Scores, given: HeadInput) -> Scores:
        return replace(scores, reported_BK=scores.top_BK[:, :1])


class Learning(Right):
    """another decision at each call"""

    capabilities = HeadCapabilities(is_softmax=False)

    def __init__(self) -> None:
        self.calls = 0

    def prepare(self, given: HeadInput) -> HeadInput:
        self.calls += 1
        calls = self.calls
        return replace(given, logits=given.logits.map(lambda start, stop, part: part / calls))


RIGHT = (Right,)
FAULTY = {
    "log_probabilities_normalise": Unnormalised,
    "a_taxon_has_at_least_what_is_below": Sunken,
    "best_classes_are_distinct": Repeating,
    "best_classes_have_their_probabilities": Reversed,
    "any_list_is_decided": OfTrees,
    "a_large_tree_is_decided": AllNodes,
    "softmax_is_declared": Tempered,
    "declared_options_exist": Undecided,
    "images_do_not_affect_each_other": OfBatches,
    "parts_do_not_matter": OfParts,
    "an_excluded_class_is_impossible": Inclusive,
    "ties_go_to_the_first_class": LastFirst,
    "large_logits_do_not_overflow": Overflowing,
    "reported_nodes_exist": OfOtherRanks,
    "a_certain_class_is_reported": OfClasses,
    "it_keeps_nothing": Learning,
}

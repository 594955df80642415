"""Image classifiers, each with one fault; `test_classifiers` has further faults of the same checks."""

from core.testing.test_classifiers import AnySize, BlankLabel, Counting, Dropout, Good, InPlace, OneTooMany, RefusesAll
from core.testing.test_classifiers import BatchNormalised as OfBatches

KIND = "classifiers"
RIGHT = (Good,)
FAULTY = {
    "labels_are_names": BlankLabel,
    "labels_that_refuse_exist": RefusesAll,
    "scores_are_of_images_and_labels": OneTooMany,
    "images_do_not_affect_each_other": OfBatches,
    "it_is_deterministic": Dropout,
    "images_are_prepared_in_threads": AnySize,
    "it_has_a_revision": Counting,
    "input_is_left_alone": InPlace,
}

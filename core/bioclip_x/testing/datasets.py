"""Checks of data sets. They need its options, and classes of its images: the example `labels`, names of taxa."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bioclip_x.capabilities import DatasetCapabilities
from bioclip_x.components import Sample
from bioclip_x.registry import get_capabilities
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.testing.checks import NotApplicable, Subject


def prepare(subject: Subject) -> Any:
    """Makes and prepares the data set on a list of the labels."""
    dataset = subject.make()
    if get_capabilities(dataset, DatasetCapabilities).searches_folders:
        from bioclip_x.images.files import ImageFiles

        dataset.use_files(ImageFiles())
    notes = list(dataset.prepare(from_labels(list(subject.need("labels")))))
    assert all(isinstance(note, str) for note in notes), f"expected notes, lines of text, got {notes!r}"
    return dataset


def check_it_has_images(subject: Subject) -> None:
    """It has images, and as many each time it is asked."""
    dataset = prepare(subject)
    assert len(dataset) > 0, "expected at least one image"
    assert len(dataset) == len(prepare(subject)), "expected the same number of images twice"


def check_samples_are_of_the_tree(subject: Subject) -> None:
    """Every sample is a Sample; its node is of the tree, or -1; some image has a label."""
    dataset, taxonomy = prepare(subject), from_labels(list(subject.need("labels")))
    samples = [dataset.sample(i) for i in range(len(dataset))]
    assert all(isinstance(sample, Sample) for sample in samples), f"expected Samples, got {samples[0]!r}"
    assert all(-1 <= sample.node < taxonomy.n_nodes for sample in samples), "expected nodes of the tree, or -1"
    assert any(sample.node > 0 for sample in samples), (
        f"expected an image of one of {', '.join(subject.need('labels'))}"
    )
    for sample in samples:
        assert len(sample.aspects) in (0, len(sample.texts)), "expected an aspect of each text, or none"


def check_images_can_be_read(subject: Subject) -> None:
    """Every image has a name, and is a path, a URL, the content of a file, or an RGB image."""
    dataset = prepare(subject)
    names = [dataset.name(i) for i in range(len(dataset))]
    assert all(isinstance(name, str) and name for name in names), "expected a name of each image"
    for i in range(min(len(dataset), 5)):
        image = dataset.image(i)
        is_array = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert is_array or isinstance(image, Image.Image | Path | str | bytes), (
            f"expected an image, got {type(image).__name__}"
        )
        if isinstance(image, Path):
            assert image.is_file(), f"expected a file, {image} does not exist"


def check_nodes_are_those_of_its_samples(subject: Subject) -> None:
    """A data set that declares lists_nodes lists the nodes of its samples."""
    dataset = prepare(subject)
    if not get_capabilities(dataset, DatasetCapabilities).lists_nodes:
        raise NotApplicable("it does not declare lists_nodes")
    expected = [dataset.sample(i).node for i in range(len(dataset))]
    assert np.asarray(dataset.nodes()).tolist() == expected, "expected nodes() to be the nodes of the samples"


def check_it_can_be_sent_to_other_processes(subject: Subject) -> None:
    """It can be pickled once it is prepared, and gives the same samples then."""
    dataset = prepare(subject)
    copy = pickle.loads(pickle.dumps(dataset))
    assert [copy.sample(i) for i in range(len(copy))] == [dataset.sample(i) for i in range(len(dataset))], (
        "expected the same"
    )

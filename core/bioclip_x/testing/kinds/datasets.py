"""Checks of data sets. They need its options, and classes of its images: the example `labels`, names of taxa, unless it
brings classes of its own.
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bioclip_x.errors import BioclipXError, TrainingError
from bioclip_x.faults import summarise
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import Sample
from bioclip_x.images.files import ImageFiles
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.testing.checks import NotApplicable, Subject

SOME = 8
"""Images that a check looks at."""


def make_listed(subject: Subject) -> Taxonomy:
    return from_labels(list_labels(subject))


def list_labels(subject: Subject) -> list[str]:
    """Returns the example's labels, else the data set's own classes. Raises NotApplicable without either."""
    dataset = subject.make()
    if "labels" not in subject.examples and get_capabilities(dataset, DatasetCapabilities).brings_classes:
        try:
            own = dataset.own_taxonomy()
        except TrainingError as problem:
            raise NotApplicable(str(problem)) from problem
        return [own.class_taxon(c).name for c in range(own.n_classes)]
    return [str(label) for label in subject.need("labels")]


def prepare(subject: Subject, taxonomy: Taxonomy | None = None, dataset: Any = None) -> Any:
    """Prepares a data set, by default a new one, on a list of the labels."""
    taxonomy, dataset = taxonomy or make_listed(subject), subject.make() if dataset is None else dataset
    if get_capabilities(dataset, DatasetCapabilities).searches_folders:
        dataset.use_files(ImageFiles())
    notes = dataset.prepare(taxonomy)
    assert not isinstance(notes, str), f"expected notes, a list or iterator of lines, got the text {notes!r}"
    for note in notes or ():
        assert isinstance(note, str) and note.strip(), f"expected notes, lines of text, got {note!r}"
    return dataset


def list_samples(dataset: Any) -> list[Sample]:
    return [dataset.sample(i) for i in range(len(dataset))]


def check_it_has_images(subject: Subject) -> None:
    """It has images, and as many each time it is asked."""
    dataset = prepare(subject)
    assert len(dataset) > 0, "expected at least one image, got none"
    again = prepare(subject)
    assert len(dataset) == len(again), f"expected {len(dataset)} images a second time, got {len(again)}"


def check_samples_are_of_the_tree(subject: Subject) -> None:
    """Every sample is a Sample; its node is of the tree, or -1; some image has a label."""
    dataset, taxonomy = prepare(subject), make_listed(subject)
    samples = list_samples(dataset)
    odd = [sample for sample in samples if not isinstance(sample, Sample)]
    assert not odd, f"expected Samples, got {odd[0]!r:.100}"
    nodes = sorted({int(node) for sample in samples for node in (sample.node, sample.above)})
    assert nodes[0] >= -1 and nodes[-1] < taxonomy.n_nodes, (
        f"expected nodes of the tree, up to {taxonomy.n_nodes - 1}, or -1, got {nodes[0]} to {nodes[-1]}"
    )
    labels = ", ".join(list_labels(subject))
    assert nodes[-1] > 0, f"expected an image of one of {labels:.100}, got none"
    for sample in samples:
        assert len(sample.aspects) in (0, len(sample.texts)), (
            f"expected an aspect of each of {len(sample.texts)} texts, or none, got {len(sample.aspects)}"
        )


def check_images_can_be_read(subject: Subject) -> None:
    """Every image has a name, and is a path, a URL, the content of a file, or an RGB image."""
    dataset = prepare(subject)
    names = [dataset.name(i) for i in range(len(dataset))]
    odd = [name for name in names if not isinstance(name, str) or not name]
    assert not odd, f"expected a name of each image, got {odd[0]!r}"
    for i in range(min(len(dataset), SOME)):
        image = dataset.image(i)
        is_array = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert is_array or isinstance(image, Image.Image | Path | str | bytes), (
            f"expected a path, a URL, bytes or an RGB image, got {type(image).__name__}"
        )
        if isinstance(image, Path):
            assert image.is_file(), f"expected a file, got {image}, which does not exist"


def check_names_are_files_where_declared(subject: Subject) -> None:
    """A data set that declares names_files names the paths or URLs of its images."""
    dataset = prepare(subject)
    if not get_capabilities(dataset, DatasetCapabilities).names_files:
        raise NotApplicable("it does not declare names_files")
    for name in (dataset.name(i) for i in range(min(len(dataset), SOME))):
        assert "://" in name or Path(name).is_file(), f"expected the path of a file as a name, got {name!r}"


def check_nodes_are_those_of_its_samples(subject: Subject) -> None:
    """A data set that declares lists_nodes lists the nodes of its samples."""
    dataset = prepare(subject)
    if not get_capabilities(dataset, DatasetCapabilities).lists_nodes:
        raise NotApplicable("it does not declare lists_nodes")
    expected, found = [sample.node for sample in list_samples(dataset)], np.asarray(dataset.nodes()).tolist()
    assert found == expected, f"expected nodes() to be those of the samples, {expected[:SOME]}, got {found[:SOME]}"


def check_blocks_hold_every_image(subject: Subject) -> None:
    """The blocks of a data set that declares sequential hold all its images."""
    dataset = prepare(subject)
    if not get_capabilities(dataset, DatasetCapabilities).sequential:
        raise NotApplicable("it does not declare sequential")
    blocks = list(dataset.blocks())
    assert sum(blocks) == len(dataset), f"expected blocks of {len(dataset)} images in all, got {sum(blocks)}"


def check_its_own_classes_are_one_tree(subject: Subject) -> None:
    """A data set that declares brings_classes returns one and the same tree, and can be prepared on it."""
    dataset = subject.make()
    if not get_capabilities(dataset, DatasetCapabilities).brings_classes:
        raise NotApplicable("it does not declare brings_classes")
    try:
        own = dataset.own_taxonomy()
    except TrainingError as problem:
        raise NotApplicable(str(problem)) from problem
    assert isinstance(own, Taxonomy), f"expected a Taxonomy, got {type(own).__name__}"
    assert dataset.own_taxonomy() is own, "expected the same object a second time, got another"
    prepare(subject, own, dataset)
    assert any(sample.node > 0 for sample in list_samples(dataset)), "expected images of its own classes, got none"


def check_other_lists_are_possible(subject: Subject) -> None:
    """On a list without some of its labels, these images are left out or have no node; prepared again, it is as before."""
    listed, dataset = make_listed(subject), prepare(subject)
    expected = [sample.node for sample in list_samples(dataset)]
    if listed.n_classes > 1:
        part = from_labels([listed.class_taxon(0).name])
        try:
            prepare(subject, part, dataset)
        except BioclipXError:
            pass  # no image of the list is left
        else:
            nodes = [sample.node for sample in list_samples(dataset)]
            assert max(nodes, default=-1) < part.n_nodes, f"expected nodes of the new list, got {max(nodes)}"
    found = [sample.node for sample in list_samples(prepare(subject, None, dataset))]
    assert found == expected, f"expected the nodes {expected[:SOME]} again, got {found[:SOME]}"


def check_it_can_be_sent_to_other_processes(subject: Subject) -> None:
    """It can be pickled once it is prepared, and gives the same samples then."""
    dataset = prepare(subject)
    try:
        copy = pickle.loads(pickle.dumps(dataset))
    except Exception as problem:
        raise AssertionError(f"expected a data set that can be pickled, got {summarise(problem)}") from problem
    assert list_samples(copy) == list_samples(dataset), "expected the same samples of a copy, got others"


def check_it_is_read_in_threads(subject: Subject) -> None:
    """`sample` and `image` give the same from several threads as from one."""
    dataset = prepare(subject)

    def read(i: int) -> tuple[Sample, bytes]:
        image = dataset.image(i)
        content = (
            image if isinstance(image, bytes) else str(image) if isinstance(image, Path | str) else np.asarray(image)
        )
        return dataset.sample(i), content if isinstance(content, bytes) else pickle.dumps(content)

    indices = [*range(min(len(dataset), SOME))] * 4
    alone = [read(i) for i in indices]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(read, indices))
    assert together == alone, "expected the same samples and images from several threads as from one, got others"


def check_declared_options_exist(subject: Subject) -> None:
    """The options that its capabilities name are among those of its constructor; what it reads is "folder" or suffixes."""
    declared = get_capabilities(subject.make(), DatasetCapabilities)
    known = [parameter.name for parameter in subject.registry.parameters(subject.kind, subject.name)]
    named = {*([declared.path_option] if declared.reads else []), *declared.evaluation_options}
    assert named <= set(known), f"expected options among {known}, got {sorted(named - set(known))} in its capabilities"
    for one in declared.reads:
        assert one == "folder" or (one.startswith(".") and one == one.lower()), (
            f"expected reads to be 'folder' or suffixes such as .csv, got {one!r}"
        )


def check_missing_files_are_told(subject: Subject) -> None:
    """Files that are not there are an error when it is prepared, which names them."""
    options = subject.registry.options(subject.kind, subject.name, subject.require())
    paths = [name for name in subject.options if isinstance(options[name], Path)]
    declared = get_capabilities(subject.make(), DatasetCapabilities).path_option
    if not paths:
        raise NotApplicable("none of its options is a path")
    option = declared if declared in paths else paths[0]
    missing = Path("there-is-no-such-folder")
    try:
        prepare(subject, None, subject.make(**{option: missing}))
    except BioclipXError as problem:
        assert missing.name in str(problem), f"expected an error that names {missing}, got {problem}"
        return
    except Exception as problem:
        raise AssertionError(f"expected a TrainingError of missing files, got {summarise(problem)}") from problem
    raise AssertionError("expected a TrainingError of missing files, got a data set")

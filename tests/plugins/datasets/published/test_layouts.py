"""Each published layout on a tiny hand-made copy: classes and their order, images, labels, and what is said of missing files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import published_layouts as layouts
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import ComponentSpec
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.images.files import ImageFiles
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.datasets.published.dataset import Published


def make(name: str, **options: object) -> Published:
    dataset = create_registry().make("datasets", name, options)
    assert isinstance(dataset, Published)
    return dataset


def see(dataset: Published) -> list[tuple[str, str]]:
    """(File name, name of the labelled class) of each image, after `prepare` with the data set's own classes."""
    tree = dataset.own_taxonomy()
    assert list(dataset.prepare(tree)) == []
    assert [dataset.sample(i).node for i in range(len(dataset))] == dataset.nodes().tolist()
    for i in range(len(dataset)):
        ImageFiles().read_any(dataset.image(i), dataset.name(i))  # the file is there and is an image
    return [(Path(dataset.name(i)).name, tree.names[dataset.sample(i).node]) for i in range(len(dataset))]


def classes(dataset: Published) -> list[str]:
    tree = dataset.own_taxonomy()
    return [tree.class_taxon(c).name for c in range(tree.n_classes)]


def lineage(tree: Taxonomy, c: int) -> list[tuple[str, str]]:
    return list(tree.class_taxon(c).lineage)


def test_cub_names_its_classes_in_the_order_of_their_ids(tmp_path: Path) -> None:
    root = layouts.lay_cub(tmp_path)
    test = make("cub", root=root)
    assert classes(test) == ["Black footed Albatross", "Laysan Albatross", "Great Crested Flycatcher"]
    assert see(test) == [
        ("Black_footed_Albatross_0002_2.jpg", "Black footed Albatross"),
        ("Laysan_Albatross_0002_2.jpg", "Laysan Albatross"),
        ("Great_Crested_Flycatcher_0002_2.jpg", "Great Crested Flycatcher"),
    ]
    assert [file for file, _ in see(make("cub", root=root, split="train"))] == [
        "Black_footed_Albatross_0001_1.jpg", "Laysan_Albatross_0001_1.jpg", "Great_Crested_Flycatcher_0001_1.jpg",
    ]  # fmt: skip
    assert len(see(make("cub", root=root, split="all"))) == 6


def test_cub_spells_names_as_cbd_does(tmp_path: Path) -> None:
    dataset = make("cub", root=layouts.lay_cub(tmp_path), names="cbd")
    assert classes(dataset) == ["Black-footed Albatross", "Laysan Albatross", "Great-Crested Flycatcher"]


def test_the_spelling_of_cbd_gives_the_keys_of_its_descriptors(shared_data: Path) -> None:
    """Folders of CUB are its keys with underscores; the published rule must restore every one of the 200."""
    from bioclip_x_plugins.datasets.published.cub import spell

    keys = list(json.loads((shared_data / "descriptors/cbd/descriptors_cub.json").read_text("utf-8")))
    folders = [f"{i:03}.{key.replace('-', '_').replace(' ', '_')}" for i, key in enumerate(keys, 1)]
    assert [spell(folder, "cbd") for folder in folders] == keys and len(keys) == 200


def test_a_class_without_a_label_line_is_said(tmp_path: Path) -> None:
    root = layouts.lay_cub(tmp_path)
    (root / "image_class_labels.txt").write_text("1 1\n")
    with pytest.raises(TrainingError, match=r"image_class_labels\.txt has no line for '2'"):
        make("cub", root=root).own_taxonomy()
    (root / "image_class_labels.txt").write_text("1 1\n2\n")
    with pytest.raises(TrainingError, match=r"image_class_labels\.txt, line 2: expected a key and a value, found '2'"):
        make("cub", root=root).own_taxonomy()


def test_nabirds_has_its_tree_without_the_root(tmp_path: Path) -> None:
    dataset = make("nabirds", root=layouts.lay_nabirds(tmp_path))
    assert classes(dataset) == [
        "Wood Duck (Breeding male)", "Wood Duck (Female/Eclipse male)", "Cooper's Hawk (Adult)",
    ]  # fmt: skip
    tree = dataset.own_taxonomy()
    path = [tree.names[int(tree.leaf_node_C[0])]]
    node = int(tree.parent_N[tree.leaf_node_C[0]])
    while node > 0:
        path.append(tree.names[node])
        node = int(tree.parent_N[node])
    assert path == ["Wood Duck (Breeding male)", "Wood Duck", "Ducks, Geese, and Swans"]
    assert see(dataset) == [
        ("0000139e21dc.jpg", "Wood Duck (Breeding male)"), ("000193069d83.jpg", "Cooper's Hawk (Adult)"),
    ]  # fmt: skip


def test_a_circle_in_nabirds_is_an_error(tmp_path: Path) -> None:
    root = layouts.lay_nabirds(tmp_path)
    (root / "hierarchy.txt").write_text("1 16\n16 1\n22 0\n295 16\n296 16\n805 22\n")
    with pytest.raises(TrainingError, match="circle at the category 16"):
        make("nabirds", root=root).own_taxonomy()


@pytest.mark.parametrize("with_json", [False, True])
def test_inat21_folders_and_json_give_the_same_lineages(tmp_path: Path, with_json: bool) -> None:
    root = layouts.lay_inat21(tmp_path)
    dataset = make("inat21", root=root, **({"annotations": root / "val.json"} if with_json else {}))
    tree = dataset.own_taxonomy()
    assert lineage(tree, 1) == [
        ("kingdom", "Animalia"), ("phylum", "Chordata"), ("class", "Aves"), ("order", "Passeriformes"),
        ("family", "Corvidae"), ("genus", "Pica"), ("species", "Pica hudsonia"),
    ]  # fmt: skip
    assert tree.class_taxon(1).common_name("en") == ("Black-billed Magpie" if with_json else "")
    assert see(dataset) == [
        ("a1.jpg", "Lumbricus terrestris"), ("b1.jpg", "Pica hudsonia"), ("b2.jpg", "Pica hudsonia"),
    ]  # fmt: skip


def test_a_folder_of_inat21_that_is_no_lineage_is_an_error(tmp_path: Path) -> None:
    root = layouts.lay_inat21(tmp_path)
    (root / "val" / "magpies").mkdir()
    with pytest.raises(TrainingError, match="'magpies' of iNaturalist 2021 is no lineage"):
        make("inat21", root=root).own_taxonomy()


def test_rare_species_of_the_hub(tmp_path: Path) -> None:
    dataset = make("rare-species", root=layouts.lay_rare_species(tmp_path))
    tree = dataset.own_taxonomy()
    assert classes(dataset) == ["Polygonia c-album", "Grus japonensis"]
    assert [tree.class_taxon(c).common_name("en") for c in range(2)] == ["comma", "red-crowned crane"]
    assert see(dataset) == [
        ("13_46_eol-full-size-copy.jpg", "Polygonia c-album"), ("12_45_eol-full-size-copy.jpg", "Grus japonensis"),
    ]  # fmt: skip


def test_the_table_of_bioclips_repository(tmp_path: Path) -> None:
    dataset = make("rare-species", root=layouts.lay_bioclip_table(tmp_path))
    assert [one.name for one in dataset.listing.categories] == [
        "Acropora millepora", "Grus japonensis", "Acropora acuminata",
    ]  # fmt: skip
    assert dict(dataset.listing.categories[1].lineage)["kingdom"] == "Animalia"  # capitalised as BioCLIP's texts are
    assert [name for _, name in see(dataset)] == [
        "Acropora millepora", "Grus japonensis", "Acropora acuminata", "Acropora millepora",
    ]  # fmt: skip


def test_birds_525_has_common_and_scientific_names(tmp_path: Path) -> None:
    root = layouts.lay_birds_525(tmp_path)
    dataset = make("birds-525", root=root)
    tree = dataset.own_taxonomy()
    assert classes(dataset) == ["Malacocincla abbotti", "Geopelia striata"]
    assert tree.class_taxon(0).common_name("en") == "abbotts babbler"
    assert [file for file, _ in see(dataset)] == ["1.jpg", "1.jpg", "2.jpg"]
    (root / "birds.csv").unlink()
    assert classes(make("birds-525", root=root)) == ["abbotts babbler", "zebra dove"]


def test_meta_album_has_plain_labels_in_the_order_of_the_images(tmp_path: Path) -> None:
    root = layouts.lay_meta_album(tmp_path)
    dataset = make("meta-album", set="plantvillage", root=root)
    assert classes(dataset) == ["Tomato___Late_blight", "Peach___healthy"]
    assert [file for file, _ in see(dataset)] == ["9.jpg", "1.jpg", "4.jpg"]
    (root / "metadata.csv").write_text(",filepath,class\n0,images/1.jpg,Peach___healthy\n1,images/9.jpg,Tomato\n")
    assert classes(make("meta-album", set="plantvillage", root=root)) == ["Peach___healthy", "Tomato"]


def test_meta_album_uses_the_columns_of_its_description(tmp_path: Path) -> None:
    root = layouts.lay_meta_album(tmp_path)
    table = (root / "labels.csv").read_text().replace("FILE_NAME,CATEGORY", "file,species")
    (root / "labels.csv").write_text(table)
    with pytest.raises(TrainingError, match="has no column 'FILE_NAME'; it has file, species, SUPER_CATEGORY"):
        make("meta-album", set="fungi", root=root).own_taxonomy()
    (root / "info.json").write_text('{"image_column_name": "file", "category_column_name": "species"}')
    assert len(see(make("meta-album", set="fungi", root=root))) == 3


def test_imagenet_is_sorted_by_wnid(tmp_path: Path) -> None:
    root = layouts.lay_imagenet(tmp_path)
    dataset = make("imagenet", root=root, names=root / "names.txt")
    assert classes(dataset) == ["tench", "goldfish", "great white shark"]
    assert see(dataset)[0] == ("ILSVRC2012_val_00000001.JPEG", "tench")
    (root / "keys.json").write_text('{"tench": ["a fish"], "goldfish": [], "missile": [], "missile 2": []}')
    with pytest.raises(TrainingError, match=r"3 folders here, but .*keys\.json has 4 names"):
        make("imagenet", root=root, names=root / "keys.json").own_taxonomy()
    with pytest.raises(TrainingError, match="3 folders here, but the list of CLIP has 1000 names"):
        make("imagenet", root=root).own_taxonomy()


def test_equal_names_of_imagenet_stay_two_classes(tmp_path: Path) -> None:
    """CLIP's list names two wnids "missile" and two "sunglasses"."""
    root = layouts.lay_imagenet(tmp_path)
    (root / "names.json").write_text('["missile", "goldfish", "missile"]')
    dataset = make("imagenet", root=root, names=root / "names.json")
    assert dataset.own_taxonomy().n_classes == 3
    list(dataset.prepare(dataset.own_taxonomy()))
    assert len(set(dataset.nodes().tolist())) == 3


def test_the_order_of_cbd_is_that_of_clips_names(shared_data: Path) -> None:
    """CBD's labels are positions among the keys of its descriptors, which must be the classes in the order of the wnids."""
    from open_clip import IMAGENET_CLASSNAMES

    keys = list(json.loads((shared_data / "descriptors/cbd/descriptors_imagenet.json").read_text("utf-8")))
    differ = [(own, clip) for own, clip in zip(keys, IMAGENET_CLASSNAMES, strict=True) if own != clip]
    assert len(differ) < 20  # other spellings, not another order
    assert keys[:3] == list(IMAGENET_CLASSNAMES[:3]) and keys[-1] == IMAGENET_CLASSNAMES[-1]


def test_oxford_pets_has_breeds_below_cat_and_dog(tmp_path: Path) -> None:
    dataset = make("oxford-pets", root=layouts.lay_oxford_pets(tmp_path))
    tree = dataset.own_taxonomy()
    assert classes(dataset) == ["Abyssinian", "american bulldog"]
    assert [tree.names[int(tree.parent_N[node])] for node in tree.leaf_node_C] == ["cat", "dog"]
    assert see(dataset)[0] == ("american_bulldog_10.jpg", "american bulldog")


def test_flowers_are_numbered_from_one(tmp_path: Path) -> None:
    root = layouts.lay_flowers(tmp_path)
    dataset = make("flowers-102", root=root)
    assert see(dataset) == [("image_00005.jpg", "pink primrose"), ("image_00001.jpg", "passion flower")]
    assert classes(dataset) == ["pink primrose", "hard-leaved pocket orchid", "passion flower"]
    assert [file for file, _ in see(make("flowers-102", root=root, split="val"))] == ["image_00004.jpg"]
    (root / "cat_to_name.json").write_text('{"1": "primrose", "77": "passiflora", "2": "orchid"}')
    named = make("flowers-102", root=root, names=root / "cat_to_name.json")
    assert classes(named) == ["primrose", "orchid", "passiflora"]


def test_the_names_of_flowers_are_those_of_the_descriptors(shared_data: Path) -> None:
    from torchvision.datasets import Flowers102

    keys = list(json.loads((shared_data / "descriptors/waffleclip/descriptors_flowers102.json").read_text("utf-8")))
    differ = {(own, key) for own, key in zip(Flowers102.classes, keys, strict=True) if own != key}
    assert differ == {("pink-yellow dahlia?", "pink-yellow dahlia"), ("lotus", "lotus lotus")}


def test_bioscan_keeps_what_is_identified_to_the_rank(tmp_path: Path) -> None:
    root = layouts.lay_bioscan(tmp_path)
    assert see(make("bioscan-1m", root=root)) == [("1.jpg", "Diptera"), ("2.jpg", "Hymenoptera")]
    family = make("bioscan-1m", root=root, rank="family", experiment="small_diptera_family")
    assert lineage(family.own_taxonomy(), 0) == [
        ("kingdom", "Animalia"), ("phylum", "Arthropoda"), ("class", "Insecta"), ("order", "Diptera"),
        ("family", "Sciaridae"),
    ]  # fmt: skip
    with pytest.raises(TrainingError, match="has no images/original_256/"):
        make("bioscan-1m", root=root, package="original_256").own_taxonomy()


LAYOUTS: dict[str, tuple[Callable[[Path], Path], dict[str, object]]] = {
    "cub": (layouts.lay_cub, {}),
    "nabirds": (layouts.lay_nabirds, {}),
    "inat21": (layouts.lay_inat21, {}),
    "rare-species": (layouts.lay_rare_species, {}),
    "birds-525": (layouts.lay_birds_525, {}),
    "meta-album": (layouts.lay_meta_album, {"set": "plantvillage"}),
    "imagenet": (layouts.lay_imagenet, {}),
    "oxford-pets": (layouts.lay_oxford_pets, {}),
    "flowers-102": (layouts.lay_flowers, {}),
    "bioscan-1m": (layouts.lay_bioscan, {}),
}


def published_specs(registry: Registry) -> dict[str, ComponentSpec]:
    return {
        name: component.spec
        for name, component in registry.components("datasets").items()
        if get_capabilities(registry.target("datasets", name), DatasetCapabilities).published
    }


def test_every_published_layout_has_a_tiny_copy() -> None:
    assert published_specs(create_registry()).keys() == LAYOUTS.keys()


@pytest.mark.parametrize("name", LAYOUTS)
def test_missing_files_are_named_with_where_to_get_them(tmp_path: Path, name: str) -> None:
    lay, options = LAYOUTS[name]
    source = get_capabilities(create_registry().target("datasets", name), DatasetCapabilities).published
    assert source is not None and source.url.startswith("https://")
    root = tmp_path / "nowhere"
    with pytest.raises(TrainingError) as none:
        make(name, root=root, **options).own_taxonomy()
    assert f"data: {root} is no folder; expected" in str(none.value) and source.url in str(none.value)
    root = lay(tmp_path)
    first = sorted(root.iterdir())[-1]  # any file or folder of it: all that a layout needs is checked
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(TrainingError) as empty:
        make(name, root=root, **options).own_taxonomy()
    assert f"data: {root} has no " in str(empty.value) and source.url in str(empty.value) and first.parent == root
    assert "give its folder as the option root: root=" in str(empty.value)

"""Tiny hand-made copies of published data sets, file by file as their archives unpack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.io import savemat

from helpers import picture


def lay(root: Path, texts: Mapping[str, str] = {}, images: tuple[str, ...] = ()) -> Path:
    """Writes text files and images of noise below `root`."""
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    for seed, name in enumerate(images):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(root / name)
    return root


def lay_cub(folder: Path) -> Path:
    """Three classes, two images each, of which the second is for testing; ids are no positions in a list."""
    names = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "038.Great_Crested_Flycatcher"]
    files = [f"{name}/{name.split('.')[1]}_000{i}_{i}.jpg" for name in names for i in (1, 2)]
    return lay(
        folder / "CUB_200_2011",
        {
            "classes.txt": "".join(f"{int(name[:3])} {name}\n" for name in names),
            "images.txt": "".join(f"{i} {file}\n" for i, file in enumerate(files, 1)),
            "image_class_labels.txt": "".join(f"{i} {int(file[:3])}\n" for i, file in enumerate(files, 1)),
            "train_test_split.txt": "".join(f"{i} {i % 2}\n" for i in range(1, len(files) + 1)),
        },
        tuple(f"images/{file}" for file in files),
    )


def lay_nabirds(folder: Path) -> Path:
    """The tree is 0 Birds > 1 Ducks > 16 Wood Duck > {295 male, 296 female}, and 0 > 22 Hawks > 805 Cooper's Hawk (Adult)."""
    return lay(
        folder / "nabirds",
        {
            "classes.txt": "0 Birds\n1 Ducks, Geese, and Swans\n16 Wood Duck\n22 Hawks\n295 Wood Duck (Breeding male)\n"
            "296 Wood Duck (Female/Eclipse male)\n805 Cooper's Hawk (Adult)\n",
            "hierarchy.txt": "1 0\n16 1\n22 0\n295 16\n296 16\n805 22\n",
            "images.txt": "0000139e-21dc 0295/0000139e21dc.jpg\n0000d9fc-4e02 0296/0000d9fc4e02.jpg\n"
            "00019306-9d83 0805/000193069d83.jpg\n",
            "image_class_labels.txt": "0000139e-21dc 295\n0000d9fc-4e02 296\n00019306-9d83 805\n",
            "train_test_split.txt": "0000139e-21dc 0\n0000d9fc-4e02 1\n00019306-9d83 0\n",
        },
        ("images/0295/0000139e21dc.jpg", "images/0296/0000d9fc4e02.jpg", "images/0805/000193069d83.jpg"),
    )


WORM = "00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris"
MAGPIE = "04042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia"


def lay_inat21(folder: Path) -> Path:
    files = [f"val/{WORM}/a1.jpg", f"val/{MAGPIE}/b1.jpg", f"val/{MAGPIE}/b2.jpg"]
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "specific_epithet")
    categories = [
        {"id": i, "name": " ".join(name.split("_")[-2:]), "common_name": common, "supercategory": "Animals",
         "image_dir_name": name} | dict(zip(ranks, name.split("_")[1:]))
        for i, (name, common) in enumerate(((WORM, "Common Earthworm"), (MAGPIE, "Black-billed Magpie")))
    ]  # fmt: skip
    document = {
        "info": {"year": 2021},
        "images": [{"id": 7 + i, "file_name": file} for i, file in enumerate(files)],
        "categories": categories,
        "annotations": [{"id": i, "image_id": 7 + i, "category_id": min(i, 1)} for i in range(3)],
        "licenses": [],
    }
    return lay(folder / "inat21", {"val.json": json.dumps(document)}, tuple(files))


CRANE = "Animalia-Chordata-Aves-Gruiformes-Gruidae-Grus-japonensis"
COMMA = "Animalia-Arthropoda-Insecta-Lepidoptera-Nymphalidae-Polygonia-c-album"


def lay_rare_species(folder: Path) -> Path:
    row = "{},{},{},{}\n".format
    return lay(
        folder / "rare-species",
        {
            "metadata/rarespecies-catalog.csv": "rarespecies_id,eol_content_id,eol_page_id,kingdom,phylum,class,order,family,"
            "genus,species,sciName,common\n"
            + row("u1,12", CRANE.replace("-", ","), "Grus japonensis", "red-crowned crane").replace("12,", "12,45,", 1)
            + "u2,13,46,Animalia,Arthropoda,Insecta,Lepidoptera,Nymphalidae,Polygonia,c-album,Polygonia c-album,comma\n"
        },
        (f"dataset/{CRANE}/12_45_eol-full-size-copy.jpg", f"dataset/{COMMA}/13_46_eol-full-size-copy.jpg"),
    )


def lay_bioclip_table(folder: Path) -> Path:
    """Rare Species as BioCLIP's repository lists it; two species share a common name."""
    return lay(
        folder / "rare_species",
        {
            "metadata.csv": ",kingdom,phylum,cls,order,family,genus,species,common_name,filepath,class\n"
            "0,Animalia,Cnidaria,Anthozoa,Scleractinia,Acroporidae,Acropora,millepora,staghorn coral,2024-03-20/a.jpg,x\n"
            "1,animalia,Chordata,Aves,Gruiformes,Gruidae,Grus,Japonensis,,2024-03-20/b.jpg,Grus japonensis\n"
            "2,Animalia,Cnidaria,Anthozoa,Scleractinia,Acroporidae,Acropora,acuminata,staghorn coral,2024-03-20/c.jpg,y\n"
            "3,Animalia,Cnidaria,Anthozoa,Scleractinia,Acroporidae,Acropora,millepora,staghorn coral,2024-03-20/d.jpg,x\n"
        },
        tuple(f"2024-03-20/{name}.jpg" for name in "abcd"),
    )


def lay_birds_525(folder: Path) -> Path:
    return lay(
        folder / "birds-525",
        {
            "birds.csv": "class id,filepaths,labels,data set,scientific name\n"
            "0,train/ABBOTTS BABBLER/001.jpg,ABBOTTS BABBLER,train,MALACOCINCLA ABBOTTI\n"
            "1,train/ZEBRA DOVE/001.jpg,ZEBRA DOVE,train,GEOPELIA STRIATA\n"
        },
        ("test/ABBOTTS BABBLER/1.jpg", "test/ZEBRA DOVE/1.jpg", "test/ZEBRA DOVE/2.jpg", "train/ZEBRA DOVE/001.jpg"),
    )


def lay_meta_album(folder: Path) -> Path:
    """PlantVillage; the classes are in the order of their first image, as in BioCLIP's evaluation."""
    return lay(
        folder / "PLT_VIL_Mini",
        {
            "labels.csv": "FILE_NAME,CATEGORY,SUPER_CATEGORY\n9.jpg,Tomato___Late_blight,Tomato\n"
            "1.jpg,Peach___healthy,Peach\n4.jpg,Tomato___Late_blight,Tomato\n",
            "info.json": json.dumps({"image_column_name": "FILE_NAME", "category_column_name": "CATEGORY"}),
        },
        ("images/9.jpg", "images/1.jpg", "images/4.jpg"),
    )


def lay_imagenet(folder: Path) -> Path:
    return lay(
        folder / "ILSVRC2012",
        {"names.txt": "n01440764 tench\nn01443537 goldfish\nn01484850 great white shark\n"},
        tuple(
            f"val/{wnid}/ILSVRC2012_val_0000000{i}.JPEG"
            for i, wnid in enumerate(("n01484850", "n01440764", "n01443537"))
        ),
    )


def lay_oxford_pets(folder: Path) -> Path:
    return lay(
        folder / "oxford-iiit-pet",
        {
            "annotations/test.txt": "american_bulldog_10 2 2 1\nAbyssinian_201 1 1 1\nAbyssinian_202 1 1 1\n",
            "annotations/trainval.txt": "Abyssinian_100 1 1 1\n",
        },
        tuple(f"images/{name}.jpg" for name in ("american_bulldog_10", "Abyssinian_201", "Abyssinian_202")),
    )


def lay_flowers(folder: Path) -> Path:
    """Five images of classes 77, 1, 77, 2, 1; images 5 and 1 are for testing."""
    root = lay(folder / "flowers-102", images=tuple(f"jpg/image_0000{i}.jpg" for i in range(1, 6)))
    savemat(root / "imagelabels.mat", {"labels": np.array([[77, 1, 77, 2, 1]], np.uint8)})
    savemat(root / "setid.mat", {"trnid": np.array([[2, 3]]), "valid": np.array([[4]]), "tstid": np.array([[5, 1]])})
    return root


def lay_bioscan(folder: Path) -> Path:
    columns = (
        *("sampleid", "processid", "uri", "name", "phylum", "class", "order", "family", "subfamily", "tribe", "genus"),
        *("species", "subspecies", "nucraw", "image_file", "large_diptera_family", "medium_diptera_family"),
        *("small_diptera_family", "large_insect_order", "medium_insect_order", "small_insect_order", "chunk_number"),
    )
    none = "not_classified"
    rows = [
        {"order": "Diptera", "family": "Sciaridae", "image_file": "1.jpg", "small_insect_order": "test",
         "small_diptera_family": "test", "chunk_number": "1"},
        {"order": "Hymenoptera", "image_file": "2.jpg", "small_insect_order": "test", "chunk_number": "18"},
        {"order": none, "image_file": "3.jpg", "small_insect_order": "test", "chunk_number": "1"},
        {"order": "Diptera", "image_file": "4.jpg", "small_insect_order": "train", "chunk_number": "1"},
    ]  # fmt: skip
    filled = [dict.fromkeys(columns, none) | {"phylum": "Arthropoda", "class": "Insecta"} | row for row in rows]
    lines = ["\t".join(columns), *("\t".join(row[column] for column in columns) for row in filled)]
    return lay(
        folder / "bioscan",
        {"BIOSCAN_1M_Insect_Dataset_metadata.tsv": "\n".join(lines) + "\n"},
        ("images/cropped_256/part1/1.jpg", "images/cropped_256/part18/2.jpg"),
    )

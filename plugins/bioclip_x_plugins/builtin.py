"""The built-in components by name. Nothing heavy is imported here; targets are imported when they are used."""

from bioclip_x.plugin import ComponentSpec, hookimpl

HERE = "bioclip_x_plugins"


@hookimpl
def text_builders() -> list[ComponentSpec]:
    names = f"{HERE}.text.names"
    return [
        ComponentSpec(
            "taxonomic", "kingdom to species in one text, as in BioCLIP's training", f"{names}:Taxonomic", default=True
        ),
        ComponentSpec("scientific", "genus and species", f"{names}:Scientific"),
        ComponentSpec("common", "the common name", f"{names}:Common"),
        ComponentSpec("scientific+common", "scientific and common name", f"{names}:ScientificCommon"),
        ComponentSpec("taxonomic+common", "kingdom to species and common name", f"{names}:TaxonomicCommon"),
        ComponentSpec(
            "templates", "names in the sentences of a template set (openai-80)", f"{HERE}.text.templates:Templates"
        ),
        ComponentSpec(
            "descriptors",
            "what a class looks like, one text per trait (CBD)",
            f"{HERE}.text.descriptors:Descriptors",
            default_for=("descriptors",),
        ),
        ComponentSpec("swapped", "control: another class's descriptors", f"{HERE}.text.swapped:Swapped"),
        ComponentSpec("random-words", "control: random words (WaffleCLIP)", f"{HERE}.text.randomised:RandomWords"),
        ComponentSpec(
            "random-characters",
            "control: random characters (WaffleCLIP)",
            f"{HERE}.text.randomised:RandomCharacters",
        ),
        ComponentSpec(
            "shared-random",
            "control: the same random texts for all classes (WaffleCLIP)",
            f"{HERE}.text.shared_random:SharedRandom",
        ),
    ]


@hookimpl
def encoders() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "open_clip",
            "any open_clip model, with its own preprocessing",
            f"{HERE}.encoders.open_clip:OpenClip",
            default=True,
        )
    ]


@hookimpl
def classifiers() -> list[ComponentSpec]:
    here = f"{HERE}.classifiers"
    return [
        ComponentSpec("timm", "a model of timm, timm:NAME@LABELS", f"{here}.timm_models:TimmClassifier"),
        ComponentSpec("onnx", "an ONNX file, by onnxruntime, onnx:FILE", f"{here}.onnx_files:OnnxClassifier"),
    ]


@hookimpl
def scorers() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "text", "similarity to the pooled texts of each class", f"{HERE}.scorers.text:TextScorer", default=True
        ),
        ComponentSpec(
            "linear",
            "a linear head from a file, as training exports",
            f"{HERE}.scorers.linear:LinearScorer",
            default_for=("heads",),
        ),
        ComponentSpec(
            "external",
            "precomputed scores of any classifier, from a file (CSV, npz, Parquet)",
            f"{HERE}.scorers.external:ExternalScorer",
        ),
        ComponentSpec(
            "few-shot",
            "similarity to labelled examples, a folder or a table of images",
            f"{HERE}.scorers.few_shot:FewShotScorer",
        ),
    ]


@hookimpl
def adjust_logits() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "species-list",
            "restricts to or favours the species of a list",
            f"{HERE}.adjustments.species_list:SpeciesList",
        ),
        ComponentSpec(
            "occurrences",
            "favours the species recorded near an image's place and day (GBIF, eBird)",
            f"{HERE}.adjustments.occurrences:OccurrenceRecords",
        ),
        ComponentSpec(
            "country",
            "excludes the species that do not occur in an image's country (SpeciesNet's geofence)",
            f"{HERE}.adjustments.country:CountryRules",
        ),
    ]


@hookimpl
def heads() -> list[ComponentSpec]:
    return [
        ComponentSpec("flat", "the best class, with the shares on its path", f"{HERE}.heads.flat:Flat", default=True),
        ComponentSpec(
            "rollup",
            "shares summed up the tree; a winner at every rank",
            f"{HERE}.heads.rollup:Rollup",
            default_for=("rank",),
        ),
        ComponentSpec(
            "top-down", "softmax among siblings, multiplied along the path", f"{HERE}.heads.top_down:TopDown"
        ),
        ComponentSpec(
            "hedge",
            "one taxon, as specific as its share allows (DARTS)",
            f"{HERE}.heads.hedge:Hedge",
            default_for=("depth",),
        ),
        ComponentSpec(
            "chils", "taxa of one rank by their best class and their own text (CHiLS)", f"{HERE}.heads.chils:Chils"
        ),
        ComponentSpec(
            "conformal",
            "a set of classes, or a clade, that contains the true class with a given probability",
            f"{HERE}.heads.conformal:Conformal",
        ),
        ComponentSpec("crm", "the least expected cost on the tree (CRM)", f"{HERE}.heads.crm:Crm"),
    ]


@hookimpl
def taxonomy_readers() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "bins",
            "labels and their bins, pybioclip's --bins",
            f"{HERE}.readers.tables.bins:BinsReader",
            default_for=("bins",),
        ),
        ComponentSpec(
            "darwin-core",
            "Darwin Core Archives (zip, folder) and taxon tables",
            f"{HERE}.readers.checklists.darwin_core:DarwinCoreReader",
        ),
        ComponentSpec("coldp", "the Catalogue of Life's data packages", f"{HERE}.readers.checklists.coldp:ColdpReader"),
        ComponentSpec(
            "acef", "the Catalogue of Life's older exchange format", f"{HERE}.readers.checklists.acef:AcefReader"
        ),
        ComponentSpec(
            "ebird", "eBird's and Clements' checklist of birds", f"{HERE}.readers.checklists.ebird:EbirdReader"
        ),
        ComponentSpec("gtdb", "GTDB's lineages (d__…;p__…;…;s__…)", f"{HERE}.readers.lineage_strings.gtdb:GtdbReader"),
        ComponentSpec(
            "lineages",
            "lineages of QIIME 2, UNITE, SILVA, MetaPhlAn, mothur",
            f"{HERE}.readers.lineage_strings.reader:LineagesReader",
        ),
        ComponentSpec(
            "csv", "tables of ranks or scientific names, CSV, TSV", f"{HERE}.readers.tables.table:TableReader"
        ),
        ComponentSpec(
            "parquet", "any of these tables, in Parquet", f"{HERE}.readers.tables.parquet_table:ParquetReader"
        ),
        ComponentSpec(
            "speciesnet", "SpeciesNet's labels, without a header", f"{HERE}.readers.tables.speciesnet:SpeciesNetReader"
        ),
        ComponentSpec(
            "birdnet", "BirdNET's labels (Parus major_Great Tit)", f"{HERE}.readers.tables.birdnet:BirdNetReader"
        ),
        ComponentSpec("newick", "trees in brackets, phylogenies", f"{HERE}.readers.trees.newick:NewickReader"),
        ComponentSpec("nexus", "trees in NEXUS", f"{HERE}.readers.trees.nexus:NexusReader"),
        ComponentSpec(
            "text-tree", "indented names, as the Catalogue of Life's", f"{HERE}.readers.trees.text_tree:TextTreeReader"
        ),
        ComponentSpec("taxdump", "NCBI's nodes.dmp and names.dmp", f"{HERE}.readers.checklists.taxdump:TaxdumpReader"),
        ComponentSpec("open-tree", "the Open Tree Taxonomy", f"{HERE}.readers.checklists.open_tree:OpenTreeReader"),
        ComponentSpec("edge-list", "a parent and a child per line", f"{HERE}.readers.trees.edge_list:EdgeListReader"),
        ComponentSpec(
            "tree-of-life",
            "BioCLIP's name lists (txt_emb_….json)",
            f"{HERE}.readers.tables.tree_of_life:TreeOfLifeReader",
        ),
        ComponentSpec(
            "inaturalist",
            "iNaturalist's categories and folders",
            f"{HERE}.readers.checklists.inaturalist:INaturalistReader",
        ),
        ComponentSpec(
            "json-nodes",
            "nodes with parents, networkx node-link data (JSON)",
            f"{HERE}.readers.trees.json_nodes:JsonNodesReader",
        ),
        ComponentSpec("yaml", "nested, or a list of lineages (JSON too)", f"{HERE}.readers.trees.yaml:YamlReader"),
    ]


@hookimpl
def language_models() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "openai",
            "OpenAI's chat API, at OpenAI or any compatible server",
            f"{HERE}.language_models.openai_compatible:OpenAICompatible",
        )
    ]


@hookimpl
def captioners() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "openai-vision",
            "a vision model with OpenAI's chat API, at OpenAI or any compatible server",
            f"{HERE}.language_models.captioner:OpenAIVision",
        )
    ]


@hookimpl
def prompts() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "cbd", "CBD's published prompt, with its two exemplars", f"{HERE}.prompts:make_cbd_prompt", default=True
        ),
        ComponentSpec("exemplar", "an exemplar of the taxon's own domain", f"{HERE}.prompts:make_exemplar_prompt"),
        ComponentSpec(
            "exemplar-background",
            "the same, with habitat and background",
            f"{HERE}.prompts:make_exemplar_background_prompt",
        ),
    ]


@hookimpl
def detectors() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "boxes",
            "boxes and masks from a file: MegaDetector, SpeciesNet, COCO, Segment Anything, Camtrap DP, CSV, PNG masks",
            f"{HERE}.detectors.boxes:BoxesDetector",
            default_for=("boxes",),
        )
    ]


@hookimpl
def reports() -> list[ComponentSpec]:
    here = f"{HERE}.reports"
    return [
        ComponentSpec(
            "table", "a readable block per image, for a terminal", f"{here}.terminal.report:TableReport", default=True
        ),
        ComponentSpec("csv", "a row per prediction, pybioclip's columns first", f"{here}.tables.csv_report:CsvReport"),
        ComponentSpec(
            "parquet", "the rows of csv, typed, in one binary file", f"{here}.tables.parquet_report:ParquetReport"
        ),
        ComponentSpec("json", "one document", f"{here}.tables.json_report:JsonReport"),
        ComponentSpec(
            "jsonl", "an object per line, the first one the provenance", f"{here}.tables.json_report:JsonlReport"
        ),
        ComponentSpec("markdown", "a section per image, as tables", f"{here}.markdown_report:MarkdownReport"),
        ComponentSpec("html", "a web page with the images, in one file", f"{here}.html.report:HtmlReport"),
        ComponentSpec(
            "camtrap-dp", "a Camera Trap Data Package, a folder of tables", f"{here}.exchange.camtrap_dp:CamtrapDp"
        ),
        ComponentSpec(
            "darwin-core",
            "occurrences in Darwin Core, a table or an archive",
            f"{here}.exchange.darwin_core:DarwinCore",
        ),
        ComponentSpec("geojson", "a map: a point per image with a place", f"{here}.exchange.geojson:GeoJson"),
        ComponentSpec("inaturalist", "a table for iNaturalist's import", f"{here}.exchange.inaturalist:INaturalist"),
        ComponentSpec(
            "megadetector",
            "MegaDetector's JSON, for Timelapse and AddaxAI",
            f"{here}.exchange.megadetector:MegaDetector",
        ),
        ComponentSpec("heat-maps", "a folder of PNG files, one per text", f"{here}.heat_map_files:HeatMapFiles"),
    ]


@hookimpl
def commands() -> list[ComponentSpec]:
    return [ComponentSpec("sort", "image files into folders by name, and keywords", f"{HERE}.sorting.command:command")]


@hookimpl
def losses() -> list[ComponentSpec]:
    tree = f"{HERE}.losses.tree"
    return [
        ComponentSpec("clip", "each image's own text against all others", f"{HERE}.losses.clip:Clip"),
        ComponentSpec("siglip", "each image with each text, by a sigmoid (SigLIP)", f"{HERE}.losses.siglip:SigLip"),
        ComponentSpec(
            "unicl", "same taxon or same text is a positive (UniCL)", f"{HERE}.losses.unicl:UniCl", default=True
        ),
        ComponentSpec(
            "level-restricted",
            "the names of each rank among themselves (BioCLIP-HC)",
            f"{HERE}.losses.level_restricted:LevelRestricted",
        ),
        ComponentSpec(
            "himulcon",
            "images of a taxon, at each rank (HiMulConE)",
            f"{HERE}.losses.himulcon:HiMulCon",
        ),
        ComponentSpec("simclr", "two views of each image (SimCLR, SLIP)", f"{HERE}.losses.simclr:SimClr"),
        ComponentSpec("declip", "views, and texts' nearest neighbours (DeCLIP)", f"{HERE}.losses.declip:DeClip"),
        ComponentSpec("cross-entropy", "softmax over the classes", f"{tree}.leaf_losses:CrossEntropy"),
        ComponentSpec("rank-cross-entropy", "a softmax at each rank", f"{tree}.rank_cross_entropy:RankCrossEntropy"),
        ComponentSpec("hxe", "hierarchical cross-entropy, down the tree", f"{tree}.leaf_losses:Hxe"),
        ComponentSpec("soft-labels", "labels that near classes have a share in", f"{tree}.leaf_losses:SoftLabels"),
    ]


@hookimpl
def adapters() -> list[ComponentSpec]:
    here = f"{HERE}.adapters"
    return [
        ComponentSpec("lora", "low-rank changes of the weights, by peft", f"{here}.lora:Lora"),
        ComponentSpec("ssf", "a scale and a shift after every layer", f"{here}.ssf:Ssf"),
        ComponentSpec("prompts", "learned context before every text (CoOp)", f"{here}.prompts:Prompts"),
    ]


@hookimpl
def image_sources() -> list[ComponentSpec]:
    here = f"{HERE}.image_sources"
    return [
        ComponentSpec("manifest", "a table of images and names: CSV, TSV, Parquet", f"{here}.manifest:Manifest"),
        ComponentSpec("folder", "a folder of images per class", f"{here}.folder:Folder"),
        ComponentSpec("inat21", "iNaturalist 2021: folders named by lineage, or its JSON", f"{here}.inat21:INat21"),
        ComponentSpec("bioscan", "BIOSCAN-1M and BIOSCAN-5M", f"{here}.bioscan:Bioscan"),
        ComponentSpec("eol", "the Encyclopedia of Life's media manifest", f"{here}.eol:Eol"),
        ComponentSpec("gbif", "a Darwin Core Archive with images, as of GBIF", f"{here}.gbif:Gbif"),
        ComponentSpec("webdataset", "tar files as webdataset's and TreeOfLife-10M's", f"{here}.webdataset:WebDataset"),
    ]


@hookimpl
def datasets() -> list[ComponentSpec]:
    published = f"{HERE}.datasets.published"
    return [
        ComponentSpec("image-folder", "a folder of images per class", f"{HERE}.datasets.image_folder:ImageFolder"),
        ComponentSpec("manifest", "CSV or Parquet: path, label, text", f"{HERE}.datasets.manifest:Manifest"),
        ComponentSpec("webdataset", "tar files as webdataset's", f"{HERE}.datasets.webdataset:WebDataset"),
        ComponentSpec("cub", "CUB-200-2011, birds", f"{published}.cub:Cub"),
        ComponentSpec("nabirds", "NABirds, with its tree", f"{published}.nabirds:NABirds"),
        ComponentSpec("inat21", "iNaturalist 2021, with lineages", f"{published}.inat21:INat21"),
        ComponentSpec("rare-species", "Rare Species (BioCLIP)", f"{published}.rare_species:RareSpecies"),
        ComponentSpec("birds-525", "Birds 525 (Kaggle)", f"{published}.birds_525:Birds525"),
        ComponentSpec("meta-album", "the Meta-Album sets in BioCLIP's tests", f"{published}.meta_album:MetaAlbum"),
        ComponentSpec("imagenet", "ImageNet, folders by wnid", f"{published}.imagenet:ImageNet"),
        ComponentSpec("oxford-pets", "Oxford-IIIT Pet, breeds", f"{published}.oxford_pets:OxfordPets"),
        ComponentSpec("flowers-102", "Oxford Flowers-102", f"{published}.flowers_102:Flowers102"),
        ComponentSpec("bioscan-1m", "BIOSCAN-1M, insects", f"{published}.bioscan:Bioscan"),
        ComponentSpec("hub", "a data set of the Hugging Face hub, by datasets", f"{published}.hub:Hub"),
    ]


@hookimpl
def image_decoders() -> list[ComponentSpec]:
    here = f"{HERE}.image_decoders"
    return [
        ComponentSpec("avif", "AVIF, by Pillow 11.3 or later", f"{here}.avif:AvifDecoder"),
        ComponentSpec("heic", "HEIC and HEIF, by pillow-heif", f"{here}.heic:HeicDecoder"),
        ComponentSpec("jpeg-xl", "JPEG XL, by pillow-jxl-plugin", f"{here}.jpeg_xl:JpegXlDecoder"),
        ComponentSpec("raw", "cameras' RAW images, by rawpy", f"{here}.raw:RawDecoder"),
    ]


@hookimpl
def callbacks() -> list[ComponentSpec]:
    here = f"{HERE}.callbacks"
    return [
        ComponentSpec("early-stopping", "stop when a metric stops improving", f"{here}.early_stopping:EarlyStopping"),
        ComponentSpec("tensorboard", "curves for TensorBoard", f"{here}.tensorboard:TensorBoard"),
        ComponentSpec("wandb", "curves for Weights & Biases", f"{here}.weights_and_biases:WeightsAndBiases"),
    ]

"""Recognises what no image shows, by word lists: food, voice, migration, weight, distribution.

A phrase is dropped only if it begins with such a topic ("eats fish", "often found in Europe") and mentions nothing visible.
If it mentions both, or the topic might be visible, it is kept and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bioclip_x.prompts.curation.findings import Done

_COLOURS = """black white grey gray brown red orange yellow green blue purple violet pink rufous buff tan cream olive
    chestnut crimson scarlet golden gold silver ivory maroon turquoise teal iridescent metallic dark light
    pale bright colou?r\\w* \\w{2,}[^f\\W]ish plumage pattern\\w* speckled spott?e?d? spots? stripe[ds]?
    streak(?:s|ed|ing)? bar(?:s|red|ring) bands? banded mottled markings? glossy shiny dull patch(?:es)? mask
    camouflage\\w* transparent translucent"""
_PARTS = """bill beak head crown nape neck throat breast chest belly back rump wings? winged tail legs? feet foot toes?
    claws? talons? eyes? ears? nose snout muzzle mouth teeth tongue tusks? trunk horns? antlers? antennae? fur hair\\w* coat
    feather\\w* skin scales? scaly fins? gills? shell carapace body face forehead cheeks? whiskers? mane hoo(?:f|ves) paws?
    leaf leaves petals? sepals? flowers? stems? bark branch\\w* thorns? spines? spiny roots? fruits? seeds? cones? needles?
    caps? stipe gills ring stalk\\w* bracts? blooms? blossoms? bulbs? pods? berr(?:y|ies) upperparts underparts crest\\w*
    stigma stamens? thorax abdomen shoulders? skull fangs posture silhouette expression appearance shape\\w* dimorphi\\w*"""
_SIZES = """small large tiny huge big long short tall thin thick slender slim stout stocky round(?:ed)? oval square
    pointed curved hooked forked flat broad narrow wide sharp smooth rough fuzzy furry fluffy woolly bushy medium
    massive compact robust plump sleek delicate medium-sized sized?"""

_NAMED_FOR_TRAIT = re.compile(r"(?i)\bnamed (?:after|for) (?:its|their)\b")
_VISIBLE = re.compile(rf"(?i)\b(?:{'|'.join(f'{_COLOURS} {_PARTS} {_SIZES}'.split())})\b")

_OPENING: Final = (
    r"^(?:(?:it|its|they|their|this|these|the|which|that|is|are|was|an?|and|also|both|often|usually|typically|commonly|"
    r"generally|primarily|mainly|mostly|frequently|sometimes|occasionally|widely|may|can|will|be|been|known|to|for|has|have|"
    r"very|highly|species|animals?|birds?|plants?|insects?|fish|males?|females?|adults?|young|juveniles?)\s+)*"
)
# Follows an adjective that stands alone: "a nocturnal bird" and "venomous fangs" name something visible.
_ALONE: Final = r"\b(?=$|[;.]| (?:and|or|by|in|during|when|towards?|with|nature|temperament|behaviou?r)\b)"
_TOPICS: Final = {
    "food": r"(?:eats?|feeds?|feeding (?:on|at|in)|preys? (?:on|upon)|diet|forag(?:es?|ing)|scavenges?|hunts?)\b|"
    rf"(?:herb|carn|omn|insect|frug|pisc)ivor(?:ous{_ALONE}|es?\b)",
    "voice": r"(?:sings?|singing|songs?|calls?|voice|vocal\w*|melod\w+|chirps?|croaks?|howls?|barks|whistl\w+|trills?)\b|"
    r"(?:loud|noisy|raucous|harsh)\b(?=.*\b(?:calls?|songs?|sounds?|voice|cries|cry|crow|croak\w*|nois\w+|birds?)\b|$)",
    "behaviour": r"(?:migrates?|migrating|hibernat\w+)\b|"
    rf"(?:migratory|nocturnal|diurnal|crepuscular|territorial|monogamous|aggressive|intelligent|loyal|friendly|playful|"
    rf"gregarious|solitary|social|shy|elusive|venomous|poisonous|toxic|edible){_ALONE}",
    "life": r"(?:lifespan|life span|lives (?:up to|for|about)|lays? eggs?|"
    r"breeds (?:in|on|from|at)|breeding (?:season|range|grounds?)|"
    r"reproduces?|reproduction|gestation|clutch(?:es)? of|incubat\w+|nests? (?:in|on|under|near|at)|nesting)\b",
    "status": rf"(?:critically )?(?:endangered|threatened|extinct|invasive){_ALONE}|conservation status\b|population\b",
    "smell or taste": r"(?:strong\w* |sweet\w* |distinct\w* |spicy |pungent |unpleasant |musky |mild\w* |[,] )*"
    r"(?:scents?|fragran\w+|smells?|odou?rs?|aroma\w*|tastes?|tasty|flavou?rs?)\b",
    "weight": r"weigh(?:s|ing|t of)?\b",
    "another name": r"also (?:known as|called)\b",
    "the origin of a name": r"(?:also )?named (?:after|for)\b",
}
_INSIDE_TOPICS: Final = {
    "voice": r"(?:songs?|singing|vocali\w+|(?:loud|distinctive|musical|whistling|harsh) calls?)\b",
    "behaviour": r"(?:migrat\w+|hibernat\w+)\b",
    "status": r"(?:endangered|conservation status|iucn)\b",
    "smell or taste": r"(?:scents?|scented|fragran\w+|smells?|odou?rs?|aroma\w*)\b",
    "weight": r"weigh(?:s|ing)\b",
    "another name": r"(?:also known as|named after)\b",
}
_GROUND: Final = re.compile(
    _OPENING + r"(?:(?:native|endemic|indigenous) to|habitat\b|prefers\b|"
    r"(?:found|distributed|occurs?|occurring|live|lives|living|inhabits?|inhabiting|resid(?:es?|ing)|seen|grows?|growing|"
    r"introduced|common)\b(?: \w+ly)?"
    r"(?: (?:in|on|near|at|around|along|throughout|across|within|among|amongst)\b| \w+ (?:forest|wood))"
    # Visible in an image after all: "often seen in flocks", "grows in clusters", "in many colours".
    r"(?! (?:an? |the |small |large |dense |loose |tight |big |bright )*(?:clusters?|groups?|flocks?|pairs?|clumps?|"
    r"mounds?|flight|air|variety|range|colou?rs?|shades?|many|different|various|bunch\w*|pods?|herds?|packs?|colonies|size|sizes|rows?)\b))",
    re.IGNORECASE,
)
_HABITAT = re.compile(
    r"(?i)\b(?:\w*forest\w*|\w*wood\w*|grass\w*|shrub\w*|scrub\w*|savann\w+|\w*wetlands?|marsh\w*|\w*waters?|lakes?|rivers?|streams?|"
    r"ponds?|swamp\w*|shore\w*|\w*coast\w*|oceans?|seas?|islands?|desert\w*|\w*mountain\w*|hills?|gardens?|parks?|\w*fields?|"
    r"meadows?|trees?|canopy|rock\w*|cliffs?|urban|suburban|cities|towns?|tundra|reefs?|caves?|mangroves?|steppes?|prairies?|"
    r"plains?|bogs?|beach\w*|mudflats?|estuar\w+|soils?|sand\w*|snow\w*|ice|farm\w*|vegetation|bushes|undergrowth|fynbos|sagebrush)\b"
)
_PLACE = re.compile(
    r"\b(?:Europe|Asia|Africa|America|Australia|Antarctica|Arctic|Eurasia|Oceania|Mediterranean|Atlantic|Pacific|Caribbean|"
    r"Himalayas?|Amazon|Sahara|Siberia|Madagascar|India|China|Japan|Korea|Mexico|Brazil|Canada|Alaska|Florida|California|Texas|"
    r"Hawaii|Britain|UK|England|Scotland|Ireland|France|Spain|Germany|Italy|Russia|Turkey|Egypt|Kenya|Zealand|Indonesia|"
    r"Philippines|Peru|Chile|Argentina|Colombia|Ecuador|Venezuela|Galapagos|United States|USA|U\.S\.|"
    r"(?:North|South|Central|East|West|Northern|Southern|Eastern|Western) (?:America|Africa|Asia|Europe)n?)\b"
)
_WEIGHT = re.compile(r"(?i)\b\d[\d.,]{0,20}\s?(?:g|grams?|kg|kilo(?:gram)?s?|lbs?|pounds?|oz|ounces?|tonn?e?s?)\b")
_LENGTH = re.compile(
    r"(?i)\b\d[\d.,]{0,20}\s?(?:mm|cm|m|met(?:er|re)s?|centimet(?:er|re)s?|inch(?:es)?|in|ft|feet|foot)(?=[\s,.)]|$)"
)


def _join_topics(topics: Mapping[str, str]) -> str:
    return "(?:" + "|".join(f"(?P<t{i}>{pattern})" for i, pattern in enumerate(topics.values())) + ")"


_TOPIC = re.compile(_OPENING + _join_topics(_TOPICS), re.IGNORECASE)
_INSIDE = re.compile(r"\b" + _join_topics(_INSIDE_TOPICS), re.IGNORECASE)


def find_invisible(phrase: str) -> tuple[Done, str] | None:
    """Returns what to do about a descriptor that is about something invisible, and why; None if it is visible.

    >>> find_invisible("eats fish"), find_invisible("a long bill for eating fish")
    (('dropped', 'no image shows food'), None)
    >>> find_invisible("named for its red throat"), find_invisible("named for John Audubon")
    (('told', 'no image shows the origin of a name'), ('dropped', 'no image shows the origin of a name'))
    """
    is_visible = bool(_VISIBLE.search(phrase) or _NAMED_FOR_TRAIT.search(phrase))
    if _GROUND.match(phrase):
        if _PLACE.search(phrase) and not is_visible and not _HABITAT.search(phrase):
            return "dropped", "no image shows the region of origin"
        return "told", "habitat belongs under background"
    for pattern, topics, is_opening in ((_TOPIC, _TOPICS, True), (_INSIDE, _INSIDE_TOPICS, False)):
        match = pattern.search(phrase)
        if match and (is_opening or not is_visible):
            topic = list(topics)[int((match.lastgroup or "t0")[1:])]
            is_certain = topic == "another name" or not (is_visible or _HABITAT.search(phrase))
            return ("dropped" if is_opening and is_certain else "told"), f"no image shows {topic}"
    if _WEIGHT.search(phrase) or _LENGTH.search(phrase):
        return "told", "images do not show absolute size or weight"
    return None

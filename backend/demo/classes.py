"""The class names of the demo's tasks: folders of Open Clip Art, nouns in its words, regions of the flags."""

import re
from collections.abc import Mapping

from .image import SourceImage

# Folder prefix -> class of the task "clip art categories". Folders that are not here (icons, symbols, cards,
# stars, gradients, maps) hold no images out.
CATEGORIES: Mapping[str, str] = {
    "animals": "animal",
    "buildings": "building",
    "computer/hardware": "computer hardware",
    "education/books": "book",
    "electronics": "electronics",
    "food": "food",
    "office": "office",
    "people": "people",
    "people/clothing": "clothing",
    "people/smilies": "smiley",
    "people/stickmen": "stick man",
    "plants": "plant",
    "recreation/music": "music",
    "recreation/party": "party",
    "recreation/holiday": "holiday",
    "recreation/sports": "sports",
    "recreation/toys": "toy",
    "tools": "tool",
    "tools/weapons": "weapon",
    "transportation/boating": "boat",
    "transportation/vehicles": "vehicle",
}

# Classes of the task "clip art objects": name -> other words that mean it in titles, file names and keywords.
NOUNS: Mapping[str, tuple[str, ...]] = {
    "airplane": ("aircraft", "plane", "airplanes"), "antenna": (), "apple": ("apples",), "ball": ("soccer",),
    "balloon": ("baloon", "balloons"), "battery": (), "bear": (), "bee": (), "bird": ("birds",),
    "boat": ("sailing", "ship"), "book": ("books",), "bottle": (), "bread": (), "bullet hole": ("bullethole",),
    "bus": (), "cake": (), "camera": (), "candle": (), "candy": (), "car": ("cars", "hummer"), "castle": (),
    "cat": ("gatto", "cats"), "chair": (), "cheese": (), "chess piece": ("chesspieces", "chess"),
    "chipmunk": (), "clock": (), "coffee": ("tea",), "cow": (), "dinosaur": ("dino", "dinosaurs"),
    "dog": ("dogs",), "drum": ("drums",), "duck": ("ducks",), "egg": ("eggs",), "envelope": (), "eye": ("eyes",),
    "fire": ("flame",), "fish": ("crawfish",), "floppy disk": ("floppy",), "flower": ("flowers",),
    "folder": ("folders",), "frog": ("rana", "frogs"), "gift": ("gifts", "present"), "grapes": ("grape",),
    "guitar": (), "gun": ("pistol", "rifle"), "hammer": (), "hand": ("hands",), "hat": ("hats", "cap"),
    "heart": ("hearts",), "horse": ("cavallo",), "house": ("houses",), "ice cream": ("icecream",), "juice": (),
    "key": ("keys",), "keyboard": (), "leaf": ("leaves",), "lemon": (), "light bulb": ("lightbulb",),
    "lighthouse": (), "lime": (), "lizard": ("lucertola",), "lock": ("lucchetto", "padlock"), "monitor": ("lcd",),
    "monkey": (), "moon": (), "mouse": (), "mouth": (), "muffin": (), "musical note": ("note",),
    "orange": (), "pear": (), "pen": (), "pencil": (), "penguin": ("tux", "pinguino"), "pie": (),
    "piggybank": (), "pizza": (), "potato": (), "printer": (), "pumpkin": ("halloween",), "satellite": (),
    "scissors": (), "server": (), "smiley": ("smilies",), "spider": (), "stick man": ("stickmen", "stick"),
    "strawberry": (), "sun": (), "switch": (), "sword": (), "telephone": ("phone",), "television": ("tv",),
    "tiger": ("tigre",), "train": (), "tree": ("trees", "evergreen"), "truck": (), "trumpet": (),
    "turtle": (), "umbrella": (), "watermelon": (), "wine": (),
}  # fmt: skip

REGIONS: Mapping[str, str] = {
    "Africa": "DZ AO BJ BW BF BI CM CV CF TD KM CG CD CI DJ EG GQ ER ET GA GM GH GN GW KE LS LR LY MG MW ML MR MU "
    "MA MZ NA NE NG RW ST SN SC SL SO ZA SS SD SZ TZ TG TN UG EH ZM ZW",
    "Americas": "AI AG AR AW BS BB BZ BM BO BR CA CL CO CR CU DM DO EC SV GD GT GY HT HN JM MX MS NI PA PY PE PR KN "
    "LC VC SR TT TC US UY VE KY FK VG VI GL",
    "Asia": "AF AM AZ BH BD BT BN KH CN GE IN ID IR IQ IL JP JO KZ KW KG LA LB MY MV MN MM NP KP OM PK PS PH QA SA "
    "SG KR LK SY TW TJ TH TL TR TM AE VN YE UZ HK MO",
    "Europe": "AL AD AT BY BE BA BG HR CY CZ DK EE FI FR DE GR HU IS IE IT LV LI LT LU MK MT MD MC NL NO PL PT RO RU "
    "SM RS ME SK SI ES SE CH UA GB VA FO GI GG JE IM",
    "Oceania": "AS AU CK FJ PF GU KI MH FM NR NC NZ NU NF MP PW PG PN WS SB TK TO TV VU WF",
}

# Spellings of Open Clip Art's flag files -> the name in the emoji package.
COUNTRY_NAMES: Mapping[str, str] = {
    "antigua and barbuda": "antigua & barbuda", "bosnia and herzegovina": "bosnia & herzegovina",
    "brunei darussalam": "brunei", "capeverde": "cape verde", "congo brazzaville": "congo - brazzaville",
    "congo kinshasa": "congo - kinshasa", "cote divoire": "côte d’ivoire", "czech republic": "czechia",
    "guineabissau": "guinea-bissau", "guinea bissau": "guinea-bissau", "libyan arab jamahiriya": "libya",
    "maledives": "maldives", "macedonia": "north macedonia", "myanmar": "myanmar (burma)",
    "palestine": "palestinian territories", "russian federation": "russia", "saint kitts and nevis":
    "st. kitts & nevis", "saint lucia": "st. lucia", "saint vincent and the grenadines":
    "st. vincent & grenadines", "sao tome and principe": "são tomé & príncipe", "suisse": "switzerland",
    "swaziland": "eswatini", "syrian arab republic": "syria", "timor leste": "timor-leste",
    "trinidad and tobago": "trinidad & tobago", "turks and caicos": "turks & caicos islands", "viet nam": "vietnam",
    "turkey": "türkiye",
}  # fmt: skip

TONES = ("light", "medium-light", "medium", "medium-dark", "dark")


def category(image: SourceImage) -> str | None:
    """The class of the longest prefix in CATEGORIES of a clip art image's folder, else None."""
    folders = image.url.split("/")[1:-1]
    for depth in range(len(folders), 0, -1):
        named = CATEGORIES.get("/".join(folders[:depth]))
        if named:
            return named
    return None


def noun(image: SourceImage) -> str | None:
    """The one class of NOUNS that a clip art image's words name; None if they name none or several."""
    words = set(re.findall(r"[a-z]+", f"{image.stem} {image.title} {image.keywords}".lower()))
    nouns = [name for name, others in NOUNS.items() if words & set(others) or set(name.split()) <= words]
    return nouns[0] if len(nouns) == 1 else None


def region(code: str) -> str | None:
    """The region of a two-letter country code, None if it is in no region (bases, unions, subdivisions)."""
    return next((name for name, codes in REGIONS.items() if code in codes.split()), None)


def tone(title: str) -> tuple[str, str] | None:
    """(`woman astronaut`, `medium-dark`) for `woman astronaut medium-dark skin tone`; None unless one tone."""
    match = re.fullmatch(r"(.+?) (light|medium-light|medium|medium-dark|dark) skin tone", title)
    if match is None or "skin tone" in match.group(1):
        return None
    return match.group(1), match.group(2)

"""Language names and codes of checklists → ISO 639-1 codes, the keys of common names."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "und"
"""ISO 639-2: undetermined."""

_CODES: Final = """
en eng english|de deu ger german deutsch|fr fra fre french français|es spa spanish español castellano|pt por portuguese português
it ita italian italiano|nl nld dut dutch nederlands|sv swe swedish svenska|da dan danish dansk|no nor norwegian norsk
nb nob bokmål|nn nno nynorsk|fi fin finnish suomi|is isl ice icelandic|et est estonian|lv lav latvian|lt lit lithuanian
pl pol polish polski|cs ces cze czech|sk slk slo slovak|sl slv slovenian|hr hrv croatian|sr srp serbian|bs bos bosnian
mk mkd mac macedonian|bg bul bulgarian|ro ron rum romanian|hu hun hungarian magyar|el ell gre greek|tr tur turkish
ru rus russian|uk ukr ukrainian|be bel belarusian|ka kat geo georgian|hy hye arm armenian|he heb hebrew|ar ara arabic
fa fas per persian farsi|ur urd urdu|hi hin hindi|bn ben bengali|pa pan punjabi|mr mar marathi|gu guj gujarati|ta tam tamil
te tel telugu|kn kan kannada|ml mal malayalam|si sin sinhala|ne nep nepali|my mya bur burmese|th tha thai|lo lao
km khm khmer|vi vie vietnamese|id ind indonesian|ms msa may malay|tl tgl tagalog|zh zho chi chinese mandarin|ja jpn japanese
ko kor korean|mn mon mongolian|sw swa swahili|af afr afrikaans|zu zul zulu|xh xho xhosa|mg mlg malagasy|am amh amharic
cy cym wel welsh|ga gle irish|gd gla gaelic|eu eus baq basque euskara|ca cat catalan català|gl glg galician|oc oci occitan
br bre breton|co cos corsican|eo epo esperanto|la lat latin|mi mri mao maori|qu que quechua|gn grn guarani|ay aym aymara
sq sqi alb albanian|mt mlt maltese|lb ltz luxembourgish|fo fao faroese|kl kal greenlandic|se sme sami|kk kaz kazakh|uz uzb uzbek
"""  # fmt: skip
LANGUAGE_OF_WORD: Final = {
    word: codes.split()[0] for codes in _CODES.replace("\n", "|").split("|") for word in codes.split()
}
"""Code or name of a language, in lower case → its ISO 639-1 code."""


def normalise_language(code: str) -> str:
    """
    >>> normalise_language("pt_BR")
    'pt-br'
    """
    return code.strip().lower().replace("_", "-")


def find_language_code(text: str) -> str:
    """Normalises a two- or three-letter code or a language name; blank is "und", unknown text is kept.

    >>> [find_language_code(text) for text in ("FR", "deu", "English", "pt_BR", "")]
    ['fr', 'de', 'en', 'pt-br', 'und']
    """
    code = normalise_language(text)
    first, _, region = code.partition("-")
    known = LANGUAGE_OF_WORD.get(first, first)
    return f"{known}-{region}" if region else known or UNKNOWN

"""Country codes of ISO 3166-1: of three letters, and of two.

The codes are those of Debian's iso-codes (data/iso_3166-1.json, commit a9e9e319 of 2026-07-20), and XK, which is assigned by its
users to Kosovo. The standard: https://www.iso.org/iso-3166-country-codes.html
"""

from __future__ import annotations

from typing import Final

_PAIRS: Final = """
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI BELBE
BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT BVTBV BWABW
CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY
CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR
FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU
GUYGY HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE
JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT
LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ
MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ
OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU
RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK
SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV
TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS XKXXK YEMYE
ZAFZA ZMBZM ZWEZW
"""
"""Three letters and two, together."""

ALPHA_3: Final = {pair[3:]: pair[:3] for pair in _PAIRS.split()}
"""Code of two letters → code of three."""
_KNOWN: Final = frozenset(ALPHA_3.values())


def normalise_country(text: str) -> str:
    """Returns a country's code of three letters, "" for what is no code of ISO 3166-1.

    >>> normalise_country("ke"), normalise_country(" KEN "), normalise_country("UK")
    ('KEN', 'KEN', '')
    """
    code = text.strip().upper()
    return code if code in _KNOWN else ALPHA_3.get(code, "")


def normalise_region(text: str) -> str:
    """Returns the code or name of a region, in capitals, without its country's code.

    >>> normalise_region("us-ca"), normalise_region("CA"), normalise_region("Baden-Württemberg")
    ('CA', 'CA', 'BADEN-WÜRTTEMBERG')
    """
    region = text.strip().upper()
    country, _, rest = region.partition("-")
    return rest if rest and normalise_country(country) else region

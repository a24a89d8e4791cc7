"""Groups of languages: whether training had them, their script and their family."""

from collections.abc import Collection

import langcodes

# Top-level families of Glottolog 5 (Hammarström et al.) of the languages of retrieval benchmarks, by ISO 639 code.
FAMILIES = {
    "Afro-Asiatic": "am ar ha he mt om so ti",
    "Atlantic-Congo": "ig lg rw sn st sw tn wo xh yo zu",
    "Austroasiatic": "km vi",
    "Austronesian": "ceb id jv mg mi ms su tl",
    "Dravidian": "kn ml ta te",
    "Indo-European": (
        "af as be bg bn bs ca cs cy da de el en es fa fr ga gl gu hi hr hy is it ku lt lv mk mr nb ne nl no "
        "or pa pl ps pt ro ru sd si sk sl sq sr sv tg uk ur"
    ),
    "Isolate": "eu",
    "Japonic": "ja",
    "Kartvelian": "ka",
    "Koreanic": "ko",
    "Mongolic": "mn",
    "Sino-Tibetan": "bo my yue zh",
    "Tai-Kadai": "lo th",
    "Turkic": "az kk ky tr tt ug uz",
    "Uralic": "et fi hu",
}
SEEN = "seen"
UNSEEN = "unseen"
UNKNOWN = "unknown"


def script(language: str) -> str:
    """Return the script that a language is mostly written in, as an ISO 15924 code such as ``Latn`` (CLDR's likely subtags)."""
    return langcodes.Language.get(language).maximize().script or UNKNOWN


def family(language: str) -> str:
    """Return the family of a language; ``unknown`` for those not listed here."""
    code = langcodes.Language.get(language).language
    return next((name for name, codes in FAMILIES.items() if code in codes.split()), UNKNOWN)


def groups(language: str, unseen: Collection[str]) -> dict[str, str]:
    """Return the group of a language by ``training`` (seen or unseen), ``script`` and ``family``.

    Args:
        language: its code.
        unseen: the languages that no training source has.
    """
    return {
        "training": UNSEEN if language in unseen else SEEN,
        "script": script(language),
        "family": family(language),
    }

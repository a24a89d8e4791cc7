"""Translation memories: TMX 1.4 files of one source language and one target language."""

import xml.etree.ElementTree as ET
from pathlib import Path

from hybridbatch.common.errors import UserError

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_tmx(path: Path, target_language: str, source_language: str = "en") -> dict[str, str]:
    """Read a translation memory.

    Returns:
        The target segment of each source segment, in the order of the file.

    Raises:
        UserError: if the file is missing, truncated or not TMX; a unit lacks one of the languages or a text; or a source
            segment has two different translations.
    """
    try:
        # Python's expat limits how far entities may expand.
        root = ET.parse(path).getroot()  # noqa: S314
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a TMX file") from error
    except ET.ParseError as error:
        raise UserError(
            f"{path}: line {error.position[0]}: is truncated or not XML ({error}); restore the file"
        ) from error
    if root.tag != "tmx":
        raise UserError(f"{path}: its root is <{root.tag}>; it must be <tmx>")
    entries: dict[str, str] = {}
    for number, unit in enumerate(root.iterfind("body/tu"), start=1):
        place = f"{path}: translation unit {number}"
        segments = _segments(unit, place)
        if not {source_language.lower(), target_language.lower()} <= segments.keys():
            raise UserError(
                f"{place}: is in {', '.join(sorted(segments)) or 'no language'}; "
                f"it must be in {source_language} and {target_language}"
            )
        source, target = segments[source_language.lower()], segments[target_language.lower()]
        if entries.setdefault(source, target) != target:
            raise UserError(f"{place}: {source!r} has another translation above; keep one of the two")
    return entries


def _segments(unit: ET.Element, place: str) -> dict[str, str]:
    segments: dict[str, str] = {}
    for variant in unit.iterfind("tuv"):
        language = variant.get(LANGUAGE, "").lower()
        segment = variant.find("seg")
        if segment is None or not (segment.text or "").strip():
            raise UserError(f"{place}: its {language or 'unnamed'} variant has no text; give it one")
        if len(segment):
            raise UserError(f"{place}: its {language} segment has inline markup; only plain text is allowed")
        if language in segments:
            raise UserError(f"{place}: has two variants in {language}; keep one")
        segments[language] = str(segment.text)
    return segments

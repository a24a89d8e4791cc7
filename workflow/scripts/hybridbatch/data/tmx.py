"""Translation memories: TMX 1.4 files of one source language and one target language."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# XML 1.0 has no place for other characters; a carriage return would come back as a line feed.
UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
HEADER = {
    "creationtool": "hybridbatch",
    "creationtoolversion": "1",
    "segtype": "sentence",
    "o-tmf": "hybridbatch",
    "adminlang": "en",
    "datatype": "plaintext",
}


def read_tmx(path: Path, target_language: str, source_language: str = "en") -> dict[str, str]:
    """Read a translation memory.

    Returns:
        The target segment of each source segment, in the order of the file.

    Raises:
        UserError: if the file is missing, cut or no TMX; a unit lacks one of the languages or a text; or a source
            segment has two different translations.
    """
    try:
        # Python's expat limits how far entities may expand.
        root = ET.parse(path).getroot()  # noqa: S314
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a TMX file") from error
    except ET.ParseError as error:
        raise UserError(f"{path}: line {error.position[0]}: is cut or no XML ({error}); restore the file") from error
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
            raise UserError(f"{place}: another translation of {source!r} stands before it; keep one of the two")
    return entries


def write_tmx(path: Path, target_language: str, entries: Mapping[str, str], source_language: str = "en") -> None:
    """Write a translation memory: a unit for each entry (source segment, target segment), in the order given.

    The same entries give the same bytes: the file carries no dates.

    Raises:
        UserError: if a segment is blank or holds a character that XML cannot.
    """
    root = ET.Element("tmx", version="1.4")
    ET.SubElement(root, "header", {**HEADER, "srclang": source_language})
    body = ET.SubElement(root, "body")
    for source, target in entries.items():
        unit = ET.SubElement(body, "tu")
        for language, text in ((source_language, source), (target_language, target)):
            if not text.strip() or UNWRITABLE.search(text):
                raise UserError(
                    f"{path}: {language} segment {text!r} is empty or has a character unfit for XML; correct it"
                )
            ET.SubElement(ET.SubElement(unit, "tuv", {LANGUAGE: language}), "seg").text = text
    ET.indent(root)
    write_text(path, PROLOGUE + ET.tostring(root, encoding="unicode") + "\n")


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

"""What a figure says."""

import xml.etree.ElementTree as ET
from pathlib import Path


def texts(file: Path, style: str = "") -> list[str]:
    """Return the texts of an SVG file, in order; only those whose style contains ``style``."""
    return [
        "".join(element.itertext()).strip()
        for element in ET.parse(file).iter()  # noqa: S314 (written by the test)
        if element.tag.endswith("}text") and style in element.get("style", "")
    ]

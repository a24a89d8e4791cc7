"""Whether the licences of a model's backbone and data allow its upload."""

import re
from collections.abc import Collection, Iterable

from hybridbatch.common.errors import UserError
from hybridbatch.publish.lineage import Part

# Licences, as SPDX or Creative Commons write them, that let anybody use, change and redistribute.
FREE = re.compile(
    r"(?i)MIT|Apache[- ]2\.0|BSD-[23]-Clause|CC0([- ]1\.0)?|CC[- ]BY([- ]SA)?[- ]\d\.\d|ODC-BY(-1\.0)?|ODbL(-1\.0)?|PSF-2\.0|EUPL-1\.2"
)


def restriction(part: Part) -> str | None:
    """Return what the licence of a part does that stops an upload; None if it is, or all of several are, known to be free."""
    if part.licence is None:
        return "is not stated"
    if part.is_non_commercial:
        return "forbids commercial use"
    if re.search(r"\bND\b", part.licence):
        return "forbids derived works"
    # Parentheses say what a licence is for.
    names = re.split(r",|;|/|\bAND\b", re.sub(r"\([^)]*\)", "", part.licence))
    return None if all(FREE.fullmatch(name.strip()) for name in names) else "is not known to allow redistribution"


def check_licences(parts: Iterable[Part], allowed: Collection[str]) -> None:
    """Check that no licence of a part of a model forbids its upload.

    Args:
        parts: its backbone and its training data.
        allowed: names of parts that the user allows in spite of their licence.

    Raises:
        UserError: naming every part that does, and its licence.
    """
    refused = {part.name: part for part in parts if part.name not in allowed and restriction(part)}
    if refused:
        reasons = [f"{name} ({part.licence or part.origin}) {restriction(part)}" for name, part in refused.items()]
        raise UserError(
            f"push: the licence of {'; of '.join(reasons)}; leave the model out of push.runs, state licences that are "
            f"missing, or read them and set push.despite_licence to [{', '.join(refused)}]"
        )

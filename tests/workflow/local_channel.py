"""A conda channel in a folder: the Python that runs the tests, and pip."""

import bz2
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSION = f"{PYTHON}.{sys.version_info.micro}"
BASE = Path(sys.base_prefix).resolve() / "bin" / f"python{PYTHON}"
SITE_PACKAGES = f"lib/python{PYTHON}/site-packages"
BUILD = "local_0"
SUBDIR = "linux-64"


def make_channel(folder: Path) -> list[str]:
    """Write the channel into a new folder; return the addresses of its packages."""
    for name in (SUBDIR, "noarch"):
        (folder / name).mkdir(parents=True)
    # As in a virtual environment: links to the interpreter, and a file that makes it use the packages here.
    settings = f"home = {BASE.parent}\ninclude-system-site-packages = false\nversion = {VERSION}\n"
    links = {f"bin/python{PYTHON}": str(BASE), "bin/python3": f"python{PYTHON}", "bin/python": f"python{PYTHON}"}
    python = add_package(folder, "python", VERSION, [], {"pyvenv.cfg": settings.encode()}, links)
    pip = distribution("pip")
    files = {
        f"{SITE_PACKAGES}/{file}": Path(str(file.locate())).read_bytes()
        for file in pip.files or []
        if ".." not in file.parts and file.suffix != ".pyc"
    }
    packages = [python, add_package(folder, "pip", pip.version, [f"python {PYTHON}.*"], files, {})]
    for name in (SUBDIR, "noarch"):
        entries = {key: value for subdir, key, value in packages if subdir == name}
        repodata = {"info": {"subdir": name}, "packages": entries, "packages.conda": {}, "repodata_version": 1}
        (folder / name / "repodata.json").write_text(json.dumps(repodata), encoding="utf-8")
    return [f"{folder.as_uri()}/{subdir}/{key}" for subdir, key, _ in packages]


def add_package(
    channel: Path,
    name: str,
    version: str,
    depends: list[str],
    files: Mapping[str, bytes],
    links: Mapping[str, str],
) -> tuple[str, str, dict[str, object]]:
    """Write a package; return its platform, file name, and entry in the channel's index."""
    entries = [
        {"_path": path, "path_type": kind, "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
        for kind, group in (("hardlink", files), ("softlink", dict.fromkeys(links, b"")))
        for path, data in group.items()
    ]
    index = {
        "name": name,
        "version": version,
        "build": BUILD,
        "build_number": 0,
        "depends": depends,
        "subdir": SUBDIR,
        "platform": "linux",
        "arch": "x86_64",
        "timestamp": 1700000000000,
    }
    described = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps({"paths_version": 1, "paths": entries}).encode(),
        "info/files": "".join(f"{entry['_path']}\n" for entry in entries).encode(),
        "info/about.json": b"{}",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in {**described, **files}.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    data = bz2.compress(buffer.getvalue(), compresslevel=1)
    file = f"{name}-{version}-{BUILD}.tar.bz2"
    (channel / SUBDIR / file).write_bytes(data)
    sums = {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data, usedforsecurity=False).hexdigest()}
    return SUBDIR, file, {**index, **sums, "size": len(data)}

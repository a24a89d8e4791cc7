"""Downloads against a real server on this host: resumed, retried, refused; and never half a file in place."""

import csv
import hashlib
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import download_file as download
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import sha256
from hybridbatch.download.pinned_files import COLUMNS, DataFile, fetch, read_entries

ROOT = Path(__file__).parents[3]
BODY = random.Random(0).randbytes(1_000_000)
REVISION = "0123456789abcdef0123456789abcdef01234567"


class Server(ThreadingHTTPServer):
    """Serves ``body``; it first plays the ``faults``, one a request, and keeps the Range header of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.faults: list[str] = []
        self.ranges: list[str | None] = []
        self.serves_ranges = True
        self.says_length = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        fault = server.faults.pop(0) if server.faults else ""
        if fault.isdecimal():
            self.send_error(int(fault))
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.serves_ranges else 0
        if start >= len(server.body):
            self.send_error(416)
            return
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        if server.says_length:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def entry_of(server: Server | None, *, size: int | None = len(BODY), content: bytes = BODY) -> DataFile:
    port = server.server_port if server else 9
    url = f"http://127.0.0.1:{port}/{REVISION}/file.json"
    return DataFile("set/file.json", url, REVISION, hashlib.sha256(content).hexdigest(), size, "CC0-1.0")


def get(entry: DataFile, folder: Path, mirror: Path | None = None) -> Path:
    fetch(entry, folder / "file.json", mirror, folder / "partial", backoff=0.01)
    return folder / "file.json"


def test_downloads_and_leaves_nothing_beside(server: Server, tmp_path: Path) -> None:
    assert get(entry_of(server), tmp_path).read_bytes() == BODY
    assert [file.name for file in tmp_path.iterdir()] == ["file.json"]


@pytest.mark.parametrize("says_length", [True, False])
def test_interrupted_download_is_resumed_by_range(server: Server, tmp_path: Path, says_length: bool) -> None:
    server.faults, server.says_length = ["cut"], says_length
    assert get(entry_of(server), tmp_path).read_bytes() == BODY
    first, second = server.ranges
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(BODY) // 2


def test_partial_of_a_killed_job_is_resumed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "partial").write_bytes(BODY[:1000])
    assert get(entry_of(server), tmp_path).read_bytes() == BODY
    assert server.ranges == ["bytes=1000-"]


def test_server_without_ranges_gives_the_whole_file_again(server: Server, tmp_path: Path) -> None:
    server.serves_ranges = False
    (tmp_path / "partial").write_bytes(BODY[:1000])
    assert get(entry_of(server), tmp_path).read_bytes() == BODY
    assert server.ranges == ["bytes=1000-"]


@pytest.mark.parametrize(("size", "ranges"), [(len(BODY), []), (None, [f"bytes={len(BODY)}-", None])])
def test_whole_partial(server: Server, tmp_path: Path, size: int | None, ranges: list[str | None]) -> None:
    (tmp_path / "partial").write_bytes(BODY)
    assert get(entry_of(server, size=size), tmp_path).read_bytes() == BODY
    assert server.ranges == ranges


def test_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.faults = ["503", "429"]
    assert get(entry_of(server), tmp_path).read_bytes() == BODY
    assert len(server.ranges) == 3


def test_missing_page_is_not_asked_again(server: Server, tmp_path: Path) -> None:
    server.faults = ["404"]
    with pytest.raises(UserError, match=r"file\.json: the server answered 404; .*'mirror'"):
        get(entry_of(server), tmp_path)
    assert len(server.ranges) == 1
    assert list(tmp_path.iterdir()) == []


def test_wrong_content_is_refused_with_both_sums(server: Server, tmp_path: Path) -> None:
    entry = entry_of(server, content=b"another")
    found = hashlib.sha256(BODY).hexdigest()
    with pytest.raises(UserError, match=rf"set/file\.json: .*{found}.*{entry.sha256}"):
        get(entry, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_partial_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "partial").write_bytes(b"?" * 1000)
    with pytest.raises(UserError, match="SHA-256"):
        get(entry_of(server), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert get(entry_of(server), tmp_path).read_bytes() == BODY


def test_body_that_stays_truncated_is_refused(server: Server, tmp_path: Path) -> None:
    server.body, server.says_length = BODY[:-1], False
    with pytest.raises(UserError, match="cannot be downloaded"):
        get(entry_of(server), tmp_path)
    assert not (tmp_path / "file.json").exists()


def test_truncated_body_of_unknown_size_is_refused(server: Server, tmp_path: Path) -> None:
    server.body, server.says_length = BODY[:-1], False
    with pytest.raises(UserError, match="any number of bytes"):
        get(entry_of(server, size=None), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_old_file_survives_a_failure(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(b"old")
    with pytest.raises(UserError, match="SHA-256"):
        get(entry_of(server, content=b"another"), tmp_path)
    assert (tmp_path / "file.json").read_bytes() == b"old"


def test_unreachable_network_names_url_and_mirror(server: Server, tmp_path: Path) -> None:
    entry = entry_of(server)
    server.server_close()
    with pytest.raises(UserError, match=rf"{entry.url}: cannot be downloaded .*'mirror'.*set/file\.json"):
        get(entry, tmp_path)
    assert not (tmp_path / "file.json").exists()


def test_mirror_is_copied_and_checked(tmp_path: Path) -> None:
    source = tmp_path / "mirror" / "set" / "file.json"
    source.parent.mkdir(parents=True)
    source.write_bytes(BODY)
    assert get(entry_of(None), tmp_path / "good", tmp_path / "mirror").read_bytes() == BODY

    source.write_bytes(BODY[:-1])
    with pytest.raises(UserError, match=r"mirror/set/file\.json gave 999999 bytes"):
        get(entry_of(None), tmp_path / "bad", tmp_path / "mirror")
    assert list((tmp_path / "bad").iterdir()) == []


def test_a_resources_folder_is_a_mirror(tmp_path: Path) -> None:
    source = tmp_path / "resources" / "data" / "set" / "file.json"
    source.parent.mkdir(parents=True)
    source.write_bytes(BODY)
    assert get(entry_of(None), tmp_path / "out", tmp_path / "resources").read_bytes() == BODY


def test_file_missing_in_the_mirror_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mirror/data/set/file\.json: is not in the mirror, .*mirror/set/file\.json"):
        get(entry_of(None), tmp_path, tmp_path / "mirror")
    assert list(tmp_path.iterdir()) == []


def write_manifest(file: Path, **changes: str) -> None:
    row = dict(zip(COLUMNS, ["a/b.json", f"https://host/{REVISION}/b", REVISION, "0" * 64, "", "CC0-1.0"], strict=True))
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerow(row | changes)


def test_program(server: Server, tmp_path: Path) -> None:
    entry, manifest, output = entry_of(server), tmp_path / "data.csv", tmp_path / "out" / "file.json"
    write_manifest(manifest, path=entry.path, url=entry.url, sha256=entry.sha256, bytes=str(entry.bytes))
    arguments = ["--path", entry.path, "--manifest", str(manifest), "--output", str(output)]
    download.main(arguments)
    assert output.read_bytes() == BODY
    with pytest.raises(UserError, match="has no row for path 'other'"):
        download.main([*arguments, "--path", "other"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("path", "/etc/x"),
        ("path", "../x"),
        ("path", ""),
        ("url", "https://host/main/b"),
        ("url", f"ftp://host/{REVISION}"),
        ("revision", "main"),
        ("revision", "0.3.0"),
        ("sha256", "0" * 63),
        ("bytes", "-1"),
        ("licence", ""),
    ],
)
def test_bad_row_is_named(tmp_path: Path, column: str, value: str) -> None:
    write_manifest(tmp_path / "data.csv")
    assert list(read_entries(tmp_path / "data.csv")) == ["a/b.json"]
    write_manifest(tmp_path / "data.csv", **{column: value})
    with pytest.raises(UserError, match=rf"data\.csv: line 2: {column} "):
        read_entries(tmp_path / "data.csv")


@pytest.mark.parametrize("content", ["path,url\n", ",".join(COLUMNS) + "\na,b\n", ""])
def test_malformed_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "data.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"data\.csv: "):
        read_entries(tmp_path / "data.csv")


def test_manifest_of_the_project() -> None:
    entries = read_entries(ROOT / "config" / "data.csv")
    assert len([path for path in entries if path.startswith("lareqa/xquad-r/")]) == 11
    assert len([path for path in entries if path.startswith("lareqa/mlqa-r/")]) == 7


def test_manifest_of_the_project_fits_the_files() -> None:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the data sets are not beside the repository")
    for entry in read_entries(ROOT / "config" / "data.csv").values():
        if (folder / entry.path).exists():
            assert (entry.bytes, entry.sha256) == (
                (folder / entry.path).stat().st_size,
                sha256(folder / entry.path),
            )

"""A local server with the part of the Hugging Face hub's API that lists and downloads files."""

import hashlib
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS_FROM = 1_000


def git_hash(body: bytes) -> str:
    return hashlib.sha1(f"blob {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()


class HubServer(ThreadingHTTPServer):
    """Serves ``repositories``: files by (kind, id, revision). Files of ``LFS_FROM`` bytes or more are LFS files.

    Each download takes the next fault from ``faults``: a status code, ``cut`` (the connection is closed after half the body) or
    ``other`` (other bytes than the file's). A ``list_fault`` is the status code of every list. ``requests`` records path and Range of every request.
    ``refs`` are the commits of branches and tags, by (kind, id, name).
    """

    def __init__(self, repositories: Mapping[tuple[str, str, str], Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = repositories
        self.refs: dict[tuple[str, str, str], str] = {}
        self.faults: list[str] = []
        self.list_fault: int | None = None
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((path, self.headers.get("Range")))
        for (kind, name, revision), files in self.server.repositories.items():
            if path == f"/api/{kind}s/{name}/tree/{revision}":
                self._list(files)
                return
            prefix = f"/{'datasets/' if kind == 'dataset' else ''}{name}/resolve/{revision}/"
            if path.startswith(prefix) and path.removeprefix(prefix) in files:
                self._send(files[path.removeprefix(prefix)])
                return
        for (kind, name, ref), commit in self.server.refs.items():
            if path == f"/api/{kind}s/{name}/revision/{ref}":
                self._answer({"id": name, "sha": commit, "private": False, "gated": False, "tags": [], "siblings": []})
                return
        self.send_response(404)
        self.send_header("X-Error-Code", "RevisionNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _list(self, files: Mapping[str, bytes]) -> None:
        if self.server.list_fault is not None:
            self.send_error(self.server.list_fault)
            return
        entries = []
        for name, body in files.items():
            entry: dict[str, object] = {"type": "file", "path": name, "size": len(body), "oid": git_hash(body)}
            if len(body) >= LFS_FROM:
                entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
            entries.append(entry)
        self._answer(entries)

    def _answer(self, content: object) -> None:
        answer = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _send(self, body: bytes) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault.isdecimal():
            self.send_error(int(fault))
            return
        if fault == "other":
            body = bytes(reversed(body))
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        rest = body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

    def log_message(self, format: str, *args: object) -> None:
        pass

"""A local server with the part of the Hugging Face hub's API that lists, downloads and uploads files."""

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

LFS_FROM = 1_000


def git_hash(body: bytes) -> str:
    return hashlib.sha1(f"blob {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()


def entry(path: str, body: bytes) -> dict[str, object]:
    """A file as the hub lists it."""
    facts: dict[str, object] = {"type": "file", "path": path, "size": len(body), "oid": git_hash(body)}
    if len(body) >= LFS_FROM:
        facts["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
    return facts


class HubServer(ThreadingHTTPServer):
    """Serves ``repositories``: files by (kind, id, revision). Files of ``LFS_FROM`` bytes or more are LFS files.

    Each download takes the next fault from ``faults``: a status code, ``cut`` (the connection is closed after half the body) or
    ``other`` (other bytes than the file's). A ``list_fault`` is the status code of every list. ``requests`` records path and Range of every request.
    As a context manager, it serves until the end of the block. ``refs`` are the commits of branches and tags, by (kind, id, name). Whoever has the ``token`` may create models under ``owner`` and
    upload to them; ``private`` are the names of private ones, ``objects`` the LFS objects by their SHA-256.
    """

    def __enter__(self) -> "HubServer":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

    def __init__(self, repositories: Mapping[tuple[str, str, str], Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = dict(repositories)
        self.owner, self.token = "owner", "hf_secret"
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
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
        missing = "RevisionNotFound"
        for (kind, name, revision), files in self.server.repositories.items():
            tree = f"/api/{kind}s/{name}/tree/{revision}"
            if path == tree or path.startswith(f"{tree}/"):
                self._list(files, str(PurePosixPath(path).relative_to(tree)))
                return
            if path == f"/api/{kind}s/{name}/revision/{revision}" or (path, revision) == (
                f"/api/{kind}s/{name}",
                "main",
            ):
                self._info(name, revision, files)
                return
            prefix = f"/{'datasets/' if kind == 'dataset' else ''}{name}/resolve/{revision}/"
            if path.startswith(prefix):
                if path.removeprefix(prefix) in files:
                    self._send(files[path.removeprefix(prefix)], revision)
                    return
                missing = "EntryNotFound"
        for (kind, name, ref), commit in self.server.refs.items():
            if path == f"/api/{kind}s/{name}/revision/{ref}":
                self._info(name, commit, {})
                return
        self.send_response(404)
        self.send_header("X-Error-Code", missing)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - the name of http.server

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((path, None))
        for (kind, name, revision), files in self.server.repositories.items():
            if path == f"/api/{kind}s/{name}/paths-info/{revision}":
                self._paths(parse_qs(body.decode())["paths"], files)
                return
        if path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif (self.headers.get("Authorization") or "") != f"Bearer {self.server.token}":
            self._refuse(401, "Invalid credentials in Authorization header")
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        else:
            self._upload(path, body)

    def do_PUT(self) -> None:
        """Store an LFS object; its address is signed, so it takes no token."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        oid = urlsplit(self.path).path.removeprefix("/lfs/")
        if hashlib.sha256(body).hexdigest() != oid:
            self._refuse(400, "the object has another SHA-256")
            return
        self.server.objects[oid] = body
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _create(self, wanted: Mapping[str, str]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] != self.server.owner:
            self._refuse(
                403, f"You don't have the rights to create a model under the namespace {wanted['organization']!r}"
            )
        elif ("model", name, "main") in self.server.repositories:
            self._answer({"error": "You already created this model repo", "url": f"{self.server.url}/{name}"}, 409)
        else:
            self.server.repositories["model", name, "main"] = {}
            if wanted.get("visibility") == "private":
                self.server.private.add(name)
            self._answer({"url": f"{self.server.url}/{name}"})

    def _upload(self, path: str, body: bytes) -> None:
        """Answer the requests of an upload: which files are LFS files, where to put them, and the commit."""
        for kind, name, _ in self.server.repositories:
            api = f"/api/{kind}s/{name}"
            if path == f"{api}/preupload/main":
                files = json.loads(body)["files"]
                modes = {file["path"]: "lfs" if file["size"] >= LFS_FROM else "regular" for file in files}
                answer = [{"path": file, "uploadMode": mode, "shouldIgnore": False} for file, mode in modes.items()]
                self._answer({"files": answer})
                return
            if path == f"/{name}.git/info/lfs/objects/batch":
                self._answer({"transfer": "basic", "objects": [self._place(o) for o in json.loads(body)["objects"]]})
                return
            if path == f"{api}/commit/main":
                self._commit(name, [json.loads(line) for line in body.splitlines()])
                return
        self._refuse(404, "Repository not found")

    def _place(self, wanted: Mapping[str, object]) -> dict[str, object]:
        present = wanted["oid"] in self.server.objects
        actions = {} if present else {"actions": {"upload": {"href": f"{self.server.url}/lfs/{wanted['oid']}"}}}
        return {"oid": wanted["oid"], "size": wanted["size"], **actions}

    def _commit(self, name: str, lines: list[dict[str, dict[str, str]]]) -> None:
        files = dict(self.server.repositories["model", name, "main"])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
        commit = git_hash(json.dumps(lines).encode())
        self.server.repositories |= {("model", name, "main"): files, ("model", name, commit): files}
        self._answer({"success": True, "commitOid": commit, "commitUrl": f"{self.server.url}/{name}/commit/{commit}"})

    def _refuse(self, status: int, reason: str) -> None:
        self._answer({"error": reason}, status)

    def _info(self, name: str, commit: str, files: Mapping[str, bytes]) -> None:
        siblings = [{"rfilename": file} for file in files]
        self._answer(
            {
                "id": name,
                "sha": commit,
                "private": name in self.server.private,
                "gated": False,
                "tags": [],
                "siblings": siblings,
            }
        )

    def _list(self, files: Mapping[str, bytes], folder: str) -> None:
        if self.server.list_fault is not None:
            self.send_error(self.server.list_fault)
            return
        recursive = parse_qs(urlsplit(self.path).query).get("recursive") == ["true"]
        prefix = "" if folder == "." else f"{folder}/"
        below = [path for path in files if path.startswith(prefix)]
        children = dict.fromkeys(prefix + path.removeprefix(prefix).partition("/")[0] for path in below)
        self._paths(below if recursive else list(children), files)

    def _paths(self, paths: list[str], files: Mapping[str, bytes]) -> None:
        folders = {str(parent) for file in files for parent in PurePosixPath(file).parents}
        found = [entry(path, files[path]) for path in paths if path in files]
        found += [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in paths if path in folders]
        self._answer(found)

    def _answer(self, content: object, status: int = 200) -> None:
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _send(self, body: bytes, commit: str) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault.isdecimal():
            self.send_error(int(fault))
            return
        if fault == "other":
            body = bytes(reversed(body))
        wanted = self.headers.get("Range")
        first, _, last = (wanted or "bytes=0-").removeprefix("bytes=").partition("-")
        start, stop = int(first), int(last or len(body) - 1) + 1
        rest = body[start:stop]
        partial = len(rest) < len(body)
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{start + len(rest) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest() if len(body) >= LFS_FROM else git_hash(body)}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

    def log_message(self, format: str, *args: object) -> None:
        pass

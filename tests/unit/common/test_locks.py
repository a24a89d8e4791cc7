"""A lock keeps other programs out until its holder ends, however it ends."""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.common.locks import locked

HOLD = """
import sys
from pathlib import Path
from hybridbatch.common.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process, until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_the_second_waits_and_names_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str) -> None:
    state = tmp_path / "new/state"
    with holder(state) as process:
        assert process.stdin is not None
        ending = threading.Timer(0.5, process.kill if end == "kill" else process.stdin.close)
        ending.start()
        with caplog.at_level(logging.WARNING), locked(state):
            assert process.wait() == (-9 if end == "kill" else 0)
    assert f"{state} is in use by process {process.pid} on {socket.gethostname()}; waiting" in caplog.text
    assert (tmp_path / "new/.state.lock").read_text().split() == [str(os.getpid()), socket.gethostname()]
    assert not state.exists()


def test_a_free_lock_is_taken_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with locked(tmp_path / "a"), locked(tmp_path / "b"):
            pass
    assert caplog.text == ""


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"\.state\.lock: cannot be locked \(.*\); choose a writable folder"),
        locked(tmp_path / "file/state"),
    ):
        pass

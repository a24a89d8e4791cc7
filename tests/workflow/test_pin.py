"""`snakemake pin`: branches and tags run only as the commits that the lock has."""

from dataclasses import replace

import pytest
from checkout import Workflow
from hub_server import HubServer

pytestmark = [pytest.mark.slow, pytest.mark.workflow]
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


def test_a_branch_runs_as_the_commit_that_the_lock_has(fresh: Workflow) -> None:
    fresh.configure(backbones={"tiny": {"path": None, "hub": "owner/encoder", "revision": "main"}})
    lock = fresh.folder / "config/revisions.lock"
    output = fresh.fail("--dry-run")
    assert (
        "backbones.tiny.revision: 'main': no commit in config/revisions.lock; run `snakemake --cores 1 pin`" in output
    )
    # No job may see the placeholder of a commit.
    assert "pin: cannot run with other targets" in fresh.fail("pin", "downloads")
    server = HubServer({})
    server.refs["model", "owner/encoder", "main"] = COMMIT
    with server:
        assert f"model owner/encoder main {COMMIT}" in replace(fresh, hub=server.url).succeed("pin")
    assert lock.read_text(encoding="utf-8").splitlines()[1:] == [f"model owner/encoder main {COMMIT}"]
    # Without a network, the lock is enough.
    assert "model owner/encoder at 89abcdef0123: not on this machine" in fresh.fail()

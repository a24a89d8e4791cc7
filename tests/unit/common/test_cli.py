"""How programs start, end and choose a device."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hybridbatch.common import cli
from hybridbatch.common.devices import check_precision, choose_device
from hybridbatch.common.errors import UserError
from hybridbatch.config.training import Strategy

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"


def user_error(_: list[str] | None) -> None:
    raise UserError("file: is empty; fill it")


def bug(_: list[str] | None) -> None:
    raise KeyError("bug")


def nothing(_: list[str] | None) -> None:
    return


def test_a_user_error_ends_a_program_with_one_line() -> None:
    with pytest.raises(SystemExit) as end:
        cli.run(user_error)
    # The interpreter prints a string to standard error and exits with status 1.
    assert end.value.code == "error: file: is empty; fill it"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        cli.run(bug)


def test_success_ends_with_status_0() -> None:
    with pytest.raises(SystemExit) as end:
        cli.run(nothing)
    assert end.value.code == 0


def test_the_log_begins_with_the_command(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["encode.py", "--output", "a folder"])
    with caplog.at_level("INFO"), pytest.raises(SystemExit):
        cli.run(nothing)
    assert caplog.messages == ["command: python encode.py --output 'a folder'"]


def test_help_shows_description_and_defaults() -> None:
    parser = cli.parser("What it does.")
    parser.add_argument("--depth", type=int, default=100, help="passages kept")
    assert "What it does." in parser.format_help()
    assert "passages kept (default: 100)" in parser.format_help()


@pytest.mark.slow
def test_a_program_prints_its_user_error_without_a_traceback(tmp_path: Path) -> None:
    arguments = ["--manifest", str(tmp_path / "absent.csv"), "--path", "x", "--output", str(tmp_path / "x")]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "download_file.py", *arguments],
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    _, error = done.stderr.splitlines()  # the first line is the command
    assert error.startswith("error: ")


def test_a_section_of_the_configuration_is_read_from_json() -> None:
    parser = cli.parser(None)
    parser.add_argument("--strategy", type=cli.section(Strategy))
    assert parser.parse_args(["--strategy", '{"alpha": 0.25}']).strategy == Strategy(alpha=0.25)


@pytest.mark.parametrize("text", ["{", '{"alpha": 2}', '{"beta": 1}'])
def test_an_invalid_section_names_the_argument(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = cli.parser(None)
    parser.add_argument("--strategy", type=cli.section(Strategy))
    with pytest.raises(SystemExit):
        parser.parse_args(["--strategy", text])
    assert "argument --strategy: not a Strategy section: " in capsys.readouterr().err


def test_named_files() -> None:
    parser = cli.parser(None)
    parser.add_argument("--pairs", nargs="+", type=cli.named_file)
    words = ["facts:en=a/b=c.parquet", "facts:de=d"]
    found = dict(parser.parse_args(["--pairs", *words]).pairs)
    assert found == {"facts:en": Path("a/b=c.parquet"), "facts:de": Path("d")}


@pytest.mark.parametrize("text", ["file", "=file", "name="])
def test_a_file_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not NAME=FILE"):
        cli.named_file(text)


def test_named_numbers() -> None:
    assert cli.named_number("facts=12") == ("facts", 12)
    for text in ("facts", "=1", "facts=", "facts=0", "facts=-1", "facts=1.5"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not NAME=N with a whole number above 0"):
            cli.named_number(text)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_devices_without_a_gpu() -> None:
    assert choose_device("cpu") == choose_device("auto") == "cpu"
    with pytest.raises(UserError, match=r"^device: is cuda, but torch .* finds no GPU"):
        choose_device("cuda")


@pytest.mark.gpu
def test_devices_with_a_gpu() -> None:
    assert [choose_device(name) for name in ("cpu", "auto", "cuda")] == ["cpu", "cuda", "cuda"]


@pytest.mark.parametrize(("capability", "warns"), [("AVX2", True), ("AVX512", False)])
def test_slow_precisions_are_named(
    capability: str, warns: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for precision, device in (("fp32", "cpu"), ("bf16", "cuda"), ("fp16", "cuda")):
        check_precision("encoding.precision", precision, device)
    assert not caplog.messages
    check_precision("encoding.precision", "bf16", "cpu")
    assert bool(caplog.messages) == warns

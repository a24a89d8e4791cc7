"""Draw the rule graph in the README, one colour for each rule file: docs/images/rulegraph.svg.

Run it in the root of the repository, with Snakemake and Graphviz on PATH: `python tools/draw_rulegraph.py`.
"""

import argparse
import re
import subprocess
from pathlib import Path

# Rules outside the flow of data.
HIDDEN = {"all", "write_config"}
COLOURS = {
    "data": "#dbe9f6",
    "translate": "#e2f0d9",
    "clean": "#fff2cc",
    "backbone": "#ead1dc",
    "train": "#f8cbad",
    "encode": "#d9d2e9",
    "search": "#9fc5e8",
    "evaluate": "#b7dcd8",
    "compare": "#fce5cd",
    "report": "#eeeeee",
    "publish": "#f4cccc",
}
STYLE = """
    graph [bgcolor=white, margin=0.1, nodesep=0.18, ranksep=0.32];
    node [shape=box, style="rounded,filled", fontname="Helvetica,Arial,sans-serif", fontsize=12, height=0.3, margin="0.1,0.03",
          color="#777777"];
    edge [color="#777777", arrowsize=0.6];
"""


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/images/rulegraph.svg"), help="SVG file to write")
    output = parser.parse_args().output
    dot = _run(["snakemake", "--cores", "8", "--rulegraph", "dot"])
    svg = _run(["dot", "-Tsvg"], _run(["tred"], simplified(dot, rule_files(Path("workflow/rules")))))
    output.parent.mkdir(parents=True, exist_ok=True)
    # Graphviz writes its version and the title in comments, which would change with every release.
    output.write_text(re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL), encoding="utf-8")


def rule_files(folder: Path) -> dict[str, str]:
    """Return the name of the rule file, without its suffix, of every rule."""
    rule = re.compile(r"^(?:use )?rule (?:\w+ as )?(\w+)", re.MULTILINE)
    return {name: file.stem for file in sorted(folder.glob("*.smk")) for name in rule.findall(file.read_text("utf-8"))}


def simplified(dot: str, files: dict[str, str]) -> str:
    """Return Snakemake's graph without hidden rules and loops, in a fixed order, with a colour for each rule file."""
    names = dict(re.findall(r'(\d+)\[label = "(\w+)', dot))
    edges = {(names[start], names[end]) for start, end in re.findall(r"(\d+) -> (\d+)", dot)}
    nodes = sorted(set(names.values()) - HIDDEN)
    lines = [f'    {node} [fillcolor="{COLOURS.get(files[node], "#ffffff")}"];' for node in nodes]
    lines += [f"    {start} -> {end};" for start, end in sorted(edges) if start != end and {start, end} <= {*nodes}]
    return "\n".join(["digraph rules {", STYLE, *lines, "}"])


def _run(command: list[str], text: str | None = None) -> str:
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


if __name__ == "__main__":
    main()

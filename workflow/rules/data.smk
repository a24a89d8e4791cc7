"""
Data: downloads, training pairs and benchmarks.

REQUIRED INPUTS: config/data.csv; for the reader `parallel` a folder such as data/demo; for `table` the user's files.

OUTPUTS:
    resources/data/<path>                                       a file of config/data.csv, checked
    pairs/<source>/<language>.parquet                           pair_id, query, passage
    benchmarks/<benchmark>/<language>/queries.parquet           query_id, text
    benchmarks/<benchmark>/<language>/passages.parquet          passage_id, text, title, context
    benchmarks/<benchmark>/<language>/qrels.parquet             query_id, passage_id, relevance
"""


def reader_files(section, language):
    """Return the files that a reader reads for one language."""
    if section.reader == "lareqa":
        return [f"{RESOURCES}/data/{section.path}/{language}.json"]
    if section.reader == "table":
        return [section.path.format(language=language)]
    memory = [] if language == "en" else [f"{section.path}/en-{language}.tmx"]
    return [f"{section.path}/pairs.en.tsv", *memory]


def reader_input(section, language):
    """Return the path that a reader is given: the folder of the reader `parallel`, else the file."""
    return section.path if section.reader == "parallel" else reader_files(section, language)[0]


def pairs_options(wildcards):
    """Return the options that the pairs of one source in one language depend on."""
    name, language = wildcards.pairs.split("/")
    source = experiment.sources[name]
    return options(
        reader=source.reader,
        input=reader_input(source, language),
        language=language,
        domain=source.domain,
        split=source.split,
        keep=list(source.keep),
    )


def benchmark_options(wildcards):
    """Return the options that one language of a benchmark depends on."""
    section = experiment.benchmarks[wildcards.benchmark]
    return options(
        reader=section.reader,
        input=reader_input(section, wildcards.language),
        language=wildcards.language,
        domain=section.domain,
        split=section.split,
        candidates=section.candidates if section.reader == "lareqa" else None,
    )


def download_targets():
    """Return everything that comes from the network: data files, and backbones from the hub."""
    sections = [*experiment.sources.values(), *experiment.benchmarks.values()]
    files = {file for s in sections if s.reader == "lareqa" for code in s.languages for file in reader_files(s, code)}
    hub = [f"{prepared_backbone(name)}/manifest.json" for name, b in experiment.backbones.items() if b.hub]
    return sorted(files) + hub


localrules:
    download,


rule download:
    """Fetch `{wildcards.path}` from its pinned revision, or from the mirror, and check its SHA-256."""
    output:
        f"{RESOURCES}/data/{{path}}",
    log:
        f"{RESOURCES}/logs/download/{{path}}.log",
    wildcard_constraints:
        path=alternatives(DOWNLOADS),
    params:
        sha256=lambda wildcards: DOWNLOADS[wildcards.path].sha256,
    retries: 2
    conda:
        "../../envs/data.yaml"
    shell:
        r"""
        python {SCRIPTS}/download.py \
            --path {wildcards.path:q} \
            --manifest {DATA_FILES:q} \
            {MIRROR} \
            --output {output:q} \
            &> {log:q}
        """


rule prepare_pairs:
    """Read the pairs of one source in one language that its files hold."""
    input:
        lambda wildcards: reader_files(experiment.sources[wildcards.pairs.split("/")[0]], wildcards.pairs.split("/")[1]),
        program=program("prepare_pairs"),
        library=library("prepare_pairs"),
    output:
        f"{RESULTS}/pairs/{{pairs}}.parquet",
    log:
        f"{LOGS}/prepare_pairs/{{pairs}}.log",
    benchmark:
        f"{COSTS}/prepare_pairs/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(NATIVE_PAIRS),
    params:
        options=pairs_options,
    conda:
        "../../envs/data.yaml"
    shell:
        "python {input.program:q} {params.options:q} --output {output:q} &> {log:q}"


rule prepare_benchmark:
    """Read queries, passages and judgements of one benchmark in one language, and check them."""
    input:
        lambda wildcards: reader_files(experiment.benchmarks[wildcards.benchmark], wildcards.language),
        program=program("prepare_benchmark"),
        library=library("prepare_benchmark"),
    output:
        queries=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/queries.parquet",
        passages=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/passages.parquet",
        qrels=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/qrels.parquet",
    log:
        f"{LOGS}/prepare_benchmark/{{benchmark}}/{{language}}.log",
    benchmark:
        f"{COSTS}/prepare_benchmark/{{benchmark}}/{{language}}.jsonl"
    params:
        options=benchmark_options,
        folder=subpath(output.queries, parent=True),
    conda:
        "../../envs/data.yaml"
    shell:
        "python {input.program:q} {params.options:q} --output-folder {params.folder:q} &> {log:q}"

"""
Data: downloads, training pairs and benchmarks.

REQUIRED INPUTS: config/data.csv; for the reader `parallel` a folder such as data/demo; for `table` the user's files.

OUTPUTS:
    resources/data/<path>                                       a file of config/data.csv, checked
    resources/hub/manifests/<request>.json                      files of the Hugging Face hub at a commit, with their SHA-256;
                                                                they lie beside it, in the hub's cache layout
    raw/<source>/<language>.parquet                             pair_id, query, passage, as they come
    benchmarks/<benchmark>/<language>/queries.parquet           query_id, text
    benchmarks/<benchmark>/<language>/passages.parquet          passage_id, text, title, context
    benchmarks/<benchmark>/<language>/qrels.parquet             query_id, passage_id, relevance
    benchmarks/<benchmark>/<language>/record.json               how many of each, and how many were left out and why
"""

from dataclasses import asdict
from glob import glob

from hybridbatch.config.benchmarks import PUBLISHED
from hybridbatch.jobs.hub_requests import benchmark_requests, pairs_request


def options(**values):
    """Return command line options; a value that is None is left out, a list gives several arguments."""
    words = []
    for name, value in values.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return [str(word) for word in words]


def reader_files(section, language):
    """Return the files that a reader reads for one language."""
    if section.reader == "lareqa":
        return [f"{RESOURCES}/data/{section.path}/{language}.json"]
    if section.reader == "table":
        return [section.path.format(language=language)]
    if section.reader in PUBLISHED:
        return published_files(section, language)
    if section.reader in ("hub", "mmarco"):
        return [paths.hub_manifest(pairs_request(section, language))]
    memory = [] if language == "en" else [f"{section.path}/en-{language}.tmx"]
    return [f"{section.path}/pairs.en.tsv", *memory]


def reader_input(section, language):
    """Return the path that a reader is given: the folder of the reader `parallel`, else the file."""
    if section.reader == "belebele":
        return published_patterns(section, language)["corpus"]
    return section.path if section.reader == "parallel" else reader_files(section, language)[0]


def published_patterns(benchmark, language):
    """Return the paths or patterns of a benchmark's files in a published form, by kind."""
    patterns = benchmark.patterns(language)
    if benchmark.hub is None:
        return {kind: f"{benchmark.path}/{pattern}" for kind, pattern in patterns.items()}
    requests = benchmark_requests(benchmark, language)
    return {kind: f"{paths.hub}/{requests[kind].snapshot}/{pattern}" for kind, pattern in patterns.items()}


def published_files(benchmark, language):
    """Return the files of a benchmark in a published form; those of the hub are named by their manifests."""
    if benchmark.hub is None:
        return sorted(file for pattern in published_patterns(benchmark, language).values() for file in glob(pattern))
    return sorted({paths.hub_manifest(request) for request in benchmark_requests(benchmark, language).values()})


def pairs_files_read(wildcards):
    """Return the files that the pairs of one source in one language are read from."""
    name, language = wildcards.pairs.split("/")
    return reader_files(experiment.sources[name], language)


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
        settings=source.hub.model_dump_json() if source.hub else None,
    )


def benchmark_options(wildcards):
    """Return the options that one language of a benchmark depends on."""
    section = experiment.benchmarks[wildcards.benchmark]
    language = wildcards.language
    if section.reader in ("miracl", "beir"):
        title = [] if section.title else ["--no-title"]
        return options(reader=section.reader, language=language, **published_patterns(section, language)) + title
    return options(
        reader=section.reader,
        input=reader_input(section, language),
        language=language,
        domain=section.domain,
        split=section.split,
        candidates=section.candidates if section.reader == "lareqa" else None,
        keep=list(section.keep) if section.keep != (0, 1) else None,
    )


def download_targets():
    """Return everything that comes from the network: data files, and data sets and models of the hub."""
    sections = [*experiment.sources.values(), *experiment.benchmarks.values()]
    files = {file for s in sections if s.reader == "lareqa" for code in s.languages for file in reader_files(s, code)}
    return sorted(files) + [paths.hub_manifest(request) for request in HUB_REQUESTS.values()]


localrules:
    download_file,
    download_hub,


rule download_file:
    """Fetch `{wildcards.path}` from its pinned revision, or from the mirror, and check its SHA-256."""
    output:
        f"{RESOURCES}/data/{{path}}",
    log:
        f"{RESOURCES}/logs/download_file/{{path}}.log",
    wildcard_constraints:
        path=alternatives(DOWNLOADS),
    retries: 2
    conda:
        "../../envs/data.yaml"
    resources:
        mirror=MIRROR,
    params:
        sha256=lambda wildcards: DOWNLOADS[wildcards.path].sha256,
        program=program("download_file"),
        manifest=DATA_FILES,
    shell:
        r"""
        python {params.program:q} \
            --path {wildcards.path:q} \
            --manifest {params.manifest:q} \
            {resources.mirror} \
            --output {output:q} \
            &>{log:q}
        """


rule download_hub:
    """Fetch files of the Hugging Face hub at a pinned commit, or from the mirror, and check them."""
    output:
        f"{paths.hub}/manifests/{{request}}.json",
    log:
        f"{RESOURCES}/logs/download_hub/{{request}}.log",
    wildcard_constraints:
        request=alternatives(HUB_REQUESTS),
    retries: 2
    conda:
        "../../envs/data.yaml"
    resources:
        mirror=MIRROR,
    params:
        request=lambda wildcards: json.dumps(asdict(HUB_REQUESTS[wildcards.request]), sort_keys=True),
        program=program("download_hub"),
        cache=subpath(output[0], ancestor=2),
    shell:
        r"""
        HF_HUB_OFFLINE=$HUB_OFFLINE \
            python {params.program:q} \
            --request {params.request:q} \
            --cache {params.cache:q} \
            {resources.mirror} \
            &>{log:q}
        """


rule prepare_pairs:
    """Read the pairs of one source in one language that its files hold."""
    input:
        pairs_files_read,
    output:
        f"{RESULTS}/raw/{{pairs}}.parquet",
    log:
        f"{LOGS}/prepare_pairs/{{pairs}}.log",
    benchmark:
        f"{COSTS}/prepare_pairs/{{pairs}}.jsonl"
    wildcard_constraints:
        pairs=alternatives(experiment.native_pairs),
    group:
        "prepare"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem=growing(2),
        runtime="4h",
    params:
        program=program("prepare_pairs"),
        code=code("prepare_pairs"),
        options=pairs_options,
    shell:
        "python {params.program:q} {params.options:q} --output {output:q} &> {log:q}"


rule prepare_benchmark:
    """Read queries, passages and judgements of one benchmark in one language, and check them."""
    input:
        lambda wildcards: reader_files(experiment.benchmarks[wildcards.benchmark], wildcards.language),
    output:
        queries=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/queries.parquet",
        passages=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/passages.parquet",
        qrels=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/qrels.parquet",
        record=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/record.json",
    log:
        f"{LOGS}/prepare_benchmark/{{benchmark}}/{{language}}.log",
    benchmark:
        f"{COSTS}/prepare_benchmark/{{benchmark}}/{{language}}.jsonl"
    group:
        "prepare"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem=growing(2),
        runtime="4h",
    params:
        program=program("prepare_benchmark"),
        code=code("prepare_benchmark"),
        options=benchmark_options,
        folder=subpath(output.queries, parent=True),
    shell:
        "python {params.program:q} {params.options:q} --output-folder {params.folder:q} &> {log:q}"

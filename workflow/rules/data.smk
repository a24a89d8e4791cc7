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

from glob import glob



def reader_files(section, language):
    """Return the files that a reader reads for one language."""
    if section.reader == "lareqa":
        return [f"{RESOURCES}/data/{section.path}/{language}.json"]
    if section.reader == "table":
        return [section.path.format(language=language)]
    if section.reader in PUBLISHED:
        return published_files(section, language)
    if section.reader in ("hub", "mmarco"):
        return [hub_manifest(pairs_request(section, language))]
    memory = [] if language == "en" else [f"{section.path}/en-{language}.tmx"]
    return [f"{section.path}/pairs.en.tsv", *memory]


def published_patterns(benchmark, language):
    """Return the paths or patterns of a benchmark's files in a published form, by kind."""
    patterns = benchmark.patterns(language)
    if benchmark.hub is None:
        return {kind: f"{benchmark.path}/{pattern}" for kind, pattern in patterns.items()}
    requests = benchmark_requests(benchmark, language)
    return {kind: f"{HUB}/{requests[kind].snapshot}/{pattern}" for kind, pattern in patterns.items()}


def published_files(benchmark, language):
    """Return the files of a benchmark in a published form; those of the hub are named by their manifests."""
    if benchmark.hub is None:
        return sorted(file for pattern in published_patterns(benchmark, language).values() for file in glob(pattern))
    return sorted({hub_manifest(request) for request in benchmark_requests(benchmark, language).values()})


def reader_input(section, language):
    """Return the path that a reader is given: the folder of the reader `parallel`, else the file."""
    if section.reader == "belebele":
        return published_patterns(section, language)["corpus"]
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
    )


def download_targets():
    """Return everything that comes from the network: data files, and data sets and models of the hub."""
    sections = [*experiment.sources.values(), *experiment.benchmarks.values()]
    files = {file for s in sections if s.reader == "lareqa" for code in s.languages for file in reader_files(s, code)}
    return sorted(files) + [hub_manifest(request) for request in HUB_REQUESTS.values()]


def check_offline():
    """Stop, before any job, if HF_HUB_OFFLINE=1 forbids the network and something is missing that would have to come from it."""
    if HUB_OFFLINE != "1":
        return
    mirror = Path(experiment.mirror) if experiment.mirror else None
    missing = [r for r in HUB_REQUESTS.values() if not is_at_hand(r, Path(HUB), mirror)]
    names = sorted({f"{request.kind} {request.repository} at {request.revision[:12]}" for request in missing})
    if names:
        raise WorkflowError(
            f"{', '.join(names)}: not on this machine, and HF_HUB_OFFLINE=1 forbids the network; run "
            f"`{COMMAND.replace('--cores all', '--cores 4 downloads')}` with network, or set mirror to a folder that has them"
        )


onstart:
    check_offline()


localrules:
    download,
    hub_files,


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


rule hub_files:
    """Fetch files of the Hugging Face hub at a pinned commit, or from the mirror, and check them."""
    output:
        f"{HUB}/manifests/{{request}}.json",
    log:
        f"{RESOURCES}/logs/hub_files/{{request}}.log",
    wildcard_constraints:
        request=alternatives(HUB_REQUESTS),
    params:
        request=lambda wildcards: json.dumps(asdict(HUB_REQUESTS[wildcards.request]), sort_keys=True),
    retries: 2
    conda:
        "../../envs/data.yaml"
    shell:
        r"""
        HF_HUB_OFFLINE={HUB_OFFLINE} \
        python {SCRIPTS}/download_hub.py \
            --request {params.request:q} \
            --cache {HUB:q} \
            {MIRROR} \
            &> {log:q}
        """


rule prepare_pairs:
    """Read the pairs of one source in one language that its files hold."""
    input:
        lambda wildcards: reader_files(experiment.sources[wildcards.pairs.split("/")[0]], wildcards.pairs.split("/")[1]),
        program=program("prepare_pairs"),
        library=library("prepare_pairs"),
    output:
        f"{RESULTS}/raw/{{pairs}}.parquet",
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
        record=f"{RESULTS}/benchmarks/{{benchmark}}/{{language}}/record.json",
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

"""What the rules read, and the options that their results depend on: functions of wildcards and of the configuration."""

BACKBONES = {Path(prepared_backbone(name)).name: name for name in experiment.backbones}


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


def translation(wildcards):
    """Return the translation settings of a source, and the language that is translated into."""
    name, language = wildcards.pairs.split("/")
    return experiment.sources[name].translation, language


def translation_input(wildcards):
    """Return the pairs that are translated."""
    settings, _ = translation(wildcards)
    return f"{RESULTS}/pairs/{wildcards.pairs.split('/')[0]}/{settings.source_language}.parquet"


def translation_memory(wildcards):
    """Return the translation memory of the language."""
    settings, language = translation(wildcards)
    return settings.memory.format(language=language)


def translation_options(wildcards):
    """Return the options that a translation depends on."""
    settings, language = translation(wildcards)
    return options(
        engine=settings.engine,
        source_language=settings.source_language,
        target_language=language,
        batch_size=settings.batch_size,
    )


def local_files(wildcards):
    """Return the files of a backbone that is a local folder; none for the others."""
    path = experiment.backbones[BACKBONES[wildcards.key]].path
    return sorted(str(file) for file in Path(path).rglob("*") if file.is_file()) if path else []


def experiment_texts(wildcards):
    """Return every file whose texts the experiment encodes."""
    files = [file for name in experiment.used_sources() for file in pairs_files(name)]
    return files + [file for name in experiment.benchmarks for file in benchmark_files(name, ["queries", "passages"])]


def training_settings(wildcards):
    """Return the training settings that change a model; names of sources stand in the inputs."""
    return experiment.training.model_dump_json(exclude={"sources", "validation"})


def unseen_languages():
    """Return the evaluated languages that no training source has; none when nothing is trained."""
    evaluated = {code for name in experiment.runs.benchmarks for code in experiment.benchmarks[name].languages}
    return sorted(evaluated - set(experiment.training_languages)) if trained_runs() else []


def cost_files():
    """Return RULE=FILE for the measured cost of every job that an encoder takes part in."""
    parts = [("train", run) for run in trained_runs()]
    parts += [
        (rule, f"{run}/{b}")
        for rule in ("encode", "index", "search")
        for run in encoder_runs()
        for b in experiment.runs.benchmarks
    ]
    parts += [("evaluate", run) for run in experiment.run_names()]
    parts += [("trim_backbone", name) for name, b in experiment.backbones.items() if b.trim_vocabulary]
    parts += [("prepare_benchmark", f"{b}/{code}") for b, s in experiment.benchmarks.items() for code in s.languages]
    parts += [("prepare_pairs", pairs) for pairs in NATIVE_PAIRS] if trained_runs() else []
    parts += [("translate", pairs) for pairs in TRANSLATED_PAIRS] if trained_runs() else []
    parts += [("search_bm25", b) for b in experiment.runs.benchmarks] if experiment.runs.bm25 else []
    return [f"{rule}={COSTS}/{rule}/{part}.jsonl" for rule, part in parts]


def table_page(table):
    """Return one table as a page of `snakemake --report`."""
    return report(
        f"{RESULTS}/tables/{table}.html",
        caption="../report/tables.rst",
        category="Tables",
        labels={"table": table, "format": "html"},
    )


def figure(name):
    """Return one figure as an item of `snakemake --report`."""
    return report(
        f"{RESULTS}/figures/{name}.svg", caption="../report/figures.rst", category="Figures", labels={"figure": name}
    )

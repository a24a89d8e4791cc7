"""What the rules read, and the options that their results depend on: functions of wildcards and of the configuration."""

BACKBONES = {Path(prepared_backbone(name)).name: name for name in experiment.backbones}


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


def reader_input(section, language):
    """Return the path that a reader is given: the folder of the reader `parallel`, else the file."""
    if section.reader == "belebele":
        return published_patterns(section, language)["corpus"]
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
    return sorted(files) + [hub_manifest(request) for request in HUB_REQUESTS.values()]


def translation(wildcards):
    """Return the translation settings of a source, and the language that is translated into."""
    name, language = wildcards.pairs.split("/")
    return experiment.sources[name].translation, language


def translation_input(wildcards):
    """Return the pairs that are translated."""
    settings, _ = translation(wildcards)
    return f"{RESULTS}/pairs/{wildcards.pairs.split('/')[0]}/{settings.source_language}.parquet"


def translation_memory(wildcards):
    """Return the translation memory of the language; nothing for other engines."""
    settings, language = translation(wildcards)
    return settings.memory.format(language=language) if settings.memory else []


def translation_options(wildcards, input):
    """Return the options that a translation depends on."""
    settings, language = translation(wildcards)
    translator = experiment.translators[settings.translator] if settings.translator else None
    return options(
        engine=settings.engine,
        memory=input.memory or None,
        model=Path(input.model).parent if translator else None,
        decoding=(json.dumps(translator.decoding(), sort_keys=True) if translator else None),
        source_language=settings.source_language,
        target_language=language,
        batch_size=settings.batch_size,
        batch_tokens=translator.batch_tokens if translator else None,
    )


def local_files(wildcards):
    """Return the files of a backbone that is a local folder; none for the others."""
    path = experiment.backbones[BACKBONES[wildcards.key]].path
    return sorted(str(file) for file in Path(path).rglob("*") if file.is_file()) if path else []


def experiment_texts(wildcards):
    """Return every file whose texts the experiment encodes."""
    files = [file for name in experiment.used_sources() for file in pairs_files(name)]
    return files + [
        file for name in experiment.runs.benchmarks for file in benchmark_files(name, ["queries", "passages"])
    ]


def training_settings(wildcards):
    """Return the training settings that change a model; names of sources stand in the inputs, devices in the resources."""
    return experiment.training.model_dump_json(exclude={"sources", "validation", "gpus"})


def encoded_parts(run, benchmark):
    """Return the records of the jobs that share the encoding of a benchmark; none where one job does it."""
    jobs = experiment.encoding.jobs
    folder = f"{RESULTS}/embeddings/{run}/{benchmark}.parts"
    return [f"{folder}/{part}of{jobs}.json" for part in range(jobs)] if jobs > 1 else []


def strategy_settings(wildcards):
    """Return the settings of a strategy that change a model; its sources and languages stand in the inputs."""
    return experiment.strategies[wildcards.strategy].model_dump_json(exclude={"sources", "languages"})


def unseen_languages():
    """Return the evaluated languages that no training source has; none when nothing is trained."""
    evaluated = {code for name in experiment.runs.benchmarks for code in experiment.benchmarks[name].languages}
    return sorted(evaluated - set(experiment.training_languages)) if trained_runs() else []


def cost_files():
    """Return RULE=FILE for the measured cost of every job that an encoder takes part in."""
    parts = [("train", run) for run in trained_runs()]
    parts += [
        (rule, f"{run}/{b}")
        for rule in (["encode", "search"] if experiment.search.is_exact else ["encode", "build_index", "search"])
        for run in encoder_runs()
        for b in experiment.runs.benchmarks
    ]
    parts += [
        ("encode_part", f"{run}/{b}.{Path(record).stem}")
        for run in encoder_runs()
        for b in experiment.runs.benchmarks
        for record in encoded_parts(run, b)
    ]
    parts += [("evaluate", run) for run in experiment.run_names()]
    parts += [("trim_backbone", name) for name, b in experiment.backbones.items() if b.trim_vocabulary]
    parts += [("prepare_benchmark", f"{b}/{code}") for b, s in experiment.benchmarks.items() for code in s.languages]
    parts += [("prepare_pairs", pairs) for pairs in NATIVE_PAIRS] if trained_runs() else []
    parts += [("clean_pairs", pairs) for pairs in NATIVE_PAIRS + TRANSLATED_PAIRS] if trained_runs() else []
    parts += (
        [("translate", part) for pairs in TRANSLATED_PAIRS for part in translation_jobs(pairs)]
        if trained_runs()
        else []
    )
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


def check_offline():
    """Stop, before any job, if HF_HUB_OFFLINE=1 forbids the network and something is missing that would have to come from it."""
    if os.environ.get("HF_HUB_OFFLINE") != "1":
        return
    mirror = Path(experiment.mirror) if experiment.mirror else None
    missing = [r for r in HUB_REQUESTS.values() if not is_at_hand(r, Path(HUB), mirror)]
    names = sorted({f"{request.kind} {request.repository} at {request.revision[:12]}" for request in missing})
    if names:
        raise WorkflowError(
            f"{', '.join(names)}: not on this machine, and HF_HUB_OFFLINE=1 forbids the network; run "
            f"`{COMMAND.replace('--cores all', '--cores 4 downloads')}` with network, or set mirror to a folder that has them"
        )


def check_torch():
    """Stop, before any job, if one that is given a GPU would find a CPU build of torch, in its environment or beside Snakemake."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")]
    own = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    try:
        for prefix in sorted({job.conda_env.address if own else sys.prefix for job in jobs}):
            check_cuda_build(Path(prefix))
    except UserError as error:
        raise WorkflowError(str(error))


def translation_jobs(pairs):
    """Return the names of the jobs that translate a source into one language: one, or one for each shard."""
    shards = translation_shards(pairs)
    return [pairs] if shards == 1 else [f"{pairs}.{shard}of{shards}" for shard in range(shards)]


def hub_model(wildcards):
    """Return what stands for the files of a backbone from the hub; nothing for the others."""
    name = BACKBONES[wildcards.key]
    return hub_manifest(backbone_request(name)) if experiment.backbones[name].hub else []


def translation_shards(pairs):
    """Return how many jobs share the texts of a source in one language."""
    return experiment.sources[pairs.split("/")[0]].translation.shards


def translation_model(wildcards):
    """Return the manifest of the translation model; nothing for engines without one."""
    settings, language = translation(wildcards)
    if settings.translator is None:
        return []
    folder = prepared_translator(settings.translator, language)
    if settings.engine == "ctranslate2":
        folder += f".ct2-{experiment.translators[settings.translator].compute_type}"
    return f"{folder}/manifest.json"


def translation_gpus(wildcards):
    """Return the GPUs of a translation: models run on one, if there is one."""
    settings, _ = translation(wildcards)
    return GPUS if settings.translator else 0


def translation_device(wildcards):
    """Return where a translation runs, in words that all jobs of a group share; a job that was given a GPU must not go on without."""
    return "cuda" if translation_gpus(wildcards) else "cpu"


def translation_threads(wildcards):
    """Return the threads of a translation: a model uses several, a memory one."""
    settings, _ = translation(wildcards)
    return 4 if settings.translator else 1


def translation_memory_size(wildcards, input, attempt):
    """Return the main memory of a translation."""
    settings, _ = translation(wildcards)
    return growing(16 if settings.translator else 4)(wildcards, input, attempt)


def translation_runtime(wildcards):
    """Return the time that a translation may take."""
    settings, _ = translation(wildcards)
    return "24h" if settings.translator else "1h"


def translator_files(wildcards):
    """Return the files of a translation model in a local folder, or what stands for its files from the hub."""
    origin = TRANSLATORS[wildcards.translator]
    if "hub" in origin:
        return hub_manifest(translator_request(origin))
    return sorted(str(file) for pattern in PATTERNS for file in Path(origin["path"]).glob(pattern))


def shard_files(suffix):
    """Return an input function for the files that the jobs of a sharded translation write."""

    def files(wildcards):
        shards = translation_shards(wildcards.pairs)
        folder = f"{RESULTS}/translated/{wildcards.pairs}.shards"
        return [f"{folder}/{shard}of{shards}.{suffix}" for shard in range(shards)]

    return files


def is_translated(pairs):
    """Return whether these pairs come from a translation engine."""
    return pairs in TRANSLATED_PAIRS


def pairs_source_file(wildcards):
    """Return the pairs that were translated; nothing for pairs that came with their language."""
    name = wildcards.pairs.split("/")[0]
    if not is_translated(wildcards.pairs):
        return []
    return f"{RESULTS}/pairs/{name}/{experiment.sources[name].translation.source_language}.parquet"


def evaluation_folders(wildcards):
    """Return the folders of the evaluation texts that the pairs are compared with."""
    if "contamination" not in experiment.cleaning.steps:
        return []
    language = wildcards.pairs.split("/")[1]
    return [
        f"{RESULTS}/benchmarks/{name}/{code}"
        for name in experiment.decontaminated
        for code in experiment.benchmarks[name].languages
        if code in (language, "en")
    ]


def evaluation_files(wildcards):
    """Return the files of the evaluation texts that the pairs are compared with."""
    kinds = ["queries", "passages"] + (["qrels"] if experiment.cleaning.passages == "relevant" else [])
    return [f"{folder}/{kind}.parquet" for folder in evaluation_folders(wildcards) for kind in kinds]


def similarity_encoder(wildcards):
    """Return the prepared backbone that compares source and translation; nothing where none does."""
    quality = experiment.cleaning.quality
    if quality.encoder is None or not is_translated(wildcards.pairs):
        return []
    engine = experiment.sources[wildcards.pairs.split("/")[0]].translation.engine
    return [] if engine in quality.trusted_engines else f"{prepared_backbone(quality.encoder)}/manifest.json"


def cleaning_gpus(wildcards):
    """Return the GPUs of a cleaning job: an encoder that compares translations runs on one, if there is one."""
    return GPUS if similarity_encoder(wildcards) else 0


def cleaning_options(wildcards, input):
    """Return the options that cleaning these pairs depends on."""
    name, language = wildcards.pairs.split("/")
    settings = experiment.sources[name].translation
    translated = is_translated(wildcards.pairs)
    # What only translations are checked for is no reason to clean the other languages again.
    unused = {"decontaminate": True} if translated else {"decontaminate": True, "quality": True}
    return options(
        source=name,
        language=language,
        settings=experiment.cleaning.model_dump_json(exclude=unused),
        evaluation=evaluation_folders(wildcards) or None,
        engine=settings.engine if translated else None,
        translated_from=input.source_pairs if translated else None,
        source_language=settings.source_language if translated else None,
        encoder=str(Path(input.encoder).parent) if input.encoder else None,
    )


def reference_files():
    """Return SOURCE/LANGUAGE=FILE for the translations by people that translations are compared with."""
    settings = {name: experiment.sources[name].translation for name in experiment.used_sources()}
    return [
        f"{name}/{language}={translation.reference.format(language=language)}"
        for name, translation in settings.items()
        if translation and translation.reference
        for language in translation.languages
    ]


def reference_pairs():
    """Return how many pairs are scored: the most that a source asks for."""
    settings = [experiment.sources[name].translation for name in experiment.used_sources()]
    return max((translation.reference_pairs for translation in settings if translation), default=1)


def chosen_settings():
    """Return the options for the benchmarks that are measured in some settings only."""
    chosen = {name: experiment.benchmarks[name].measured for name in experiment.runs.benchmarks}
    return options(settings=[f"{name}={','.join(some)}" for name, some in chosen.items() if len(some) < 3] or None)


def pooled_benchmarks():
    """Return the benchmarks that are measured on the pool of all languages."""
    return [name for name in experiment.runs.benchmarks if "multi" in experiment.benchmarks[name].measured]


def search_options(wildcards, input):
    """Return the options that a search depends on."""
    alone = experiment.benchmarks[wildcards.benchmark].measured == ["mono"]
    settings = experiment.search
    approximate = {
        "indexes": input.indexes,
        "parameters": settings.parameters or None,
        "recall_sample": settings.recall_sample,
    }
    chosen = options(depth=settings.depth, **({} if settings.is_exact else approximate))
    return chosen + (["--monolingual"] if alone else [])


def index_folder(wildcards):
    """Return the indexes that a search reads: none where every vector is compared."""
    return [] if experiment.search.is_exact else f"{RESULTS}/indexes/{wildcards.run}/{wildcards.benchmark}"


def exported_settings(benchmark, run=None):
    """Return the settings of a benchmark that there are rankings of: BM25 searches within a language only."""
    section = experiment.benchmarks[benchmark]
    alone = len(section.languages) == 1 or (run is not None and Path(run).parts[1] == "bm25")
    return [setting for setting in section.measured if setting == "mono" or not alone]


def trec_files():
    """Return every ranking and every judgement in TREC's format."""
    benchmarks = experiment.runs.benchmarks
    qrels = [f"{RESULTS}/trec/{b}/{setting}.qrels" for b in benchmarks for setting in exported_settings(b)]
    return qrels + [
        f"{RESULTS}/trec/{run}/{b}.{setting}.run"
        for run in experiment.run_names()
        for b in benchmarks
        for setting in exported_settings(b, run)
    ]


def separate_questions():
    """Return the benchmarks in which equal query ids of two languages are different questions: those of one language each."""
    measured = {name: experiment.benchmarks[name] for name in experiment.runs.benchmarks}
    return [name for name, b in measured.items() if b.reader in ("miracl", "beir") and b.measured == ["mono"]]


def domains():
    """Return the benchmarks in and out of the domain of training, and those of each domain left out of it, as JSON."""
    shift = experiment.shift
    held_out = {domain: left_out.benchmarks for domain, left_out in shift.held_out.items()}
    return json.dumps({"in_domain": shift.in_domain, "out_of_domain": shift.out_of_domain, "held_out": held_out})


def projected_runs():
    """Return the runs whose vectors are drawn: of each encoder the untuned one, and of each compared strategy the first seed."""
    first = [
        "none/seed0",
        *(f"{name}/seed{seed}" for name in experiment.runs.strategies for seed in experiment.runs.seeds[:1]),
    ]
    return [run for run in encoder_runs() if run.partition("/")[2] in first]


def recall_files():
    """Return the recall of every approximate search; none where every vector is compared."""
    return [
        f"{RESULTS}/search/{run}/{name}/recall.csv"
        for run in ([] if experiment.search.is_exact else encoder_runs())
        for name in experiment.runs.benchmarks
    ]


def report_tables():
    """Return the names of the tables in the report, in its order."""
    return [*DATA_TABLES, *TABLES, *BIAS_TABLES, *STATISTICS_TABLES, *ANALYSES, "published"]


def report_figures():
    """Return the names of the figures in the report."""
    return [*FIGURES, *PROJECTIONS, *ANALYSES]

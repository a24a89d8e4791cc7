"""Hybrid-batch training of multilingual dense retrievers, from data to report."""

from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/translate.smk"
include: "workflow/rules/clean.smk"
include: "workflow/rules/backbone.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/publish.smk"


localrules:
    all,
    downloads,


rule all:
    """Make the report, the tables and the figures of the experiment."""
    default_target: True
    input:
        rules.write_report.output,
        MODEL_CARDS,


rule downloads:
    """Fetch everything that the experiment needs from the network, and nothing else."""
    input:
        downloads(experiment, HUB_REQUESTS, paths),


onstart:
    check_before_jobs()

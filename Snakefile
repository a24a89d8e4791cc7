"""The workflow, for `snakemake` in this folder; its rules are in workflow/."""


include: "workflow/Snakefile"


# An included file cannot set the default target. That of a workflow with this one as a module is its own business.
if workflow.modifier.is_main_snakefile():
    workflow.default_target = "all"

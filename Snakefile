"""The workflow, for `snakemake` in this folder; its rules are in workflow/."""


include: "workflow/Snakefile"


# An included file cannot set the default target.
workflow.default_target = "all"

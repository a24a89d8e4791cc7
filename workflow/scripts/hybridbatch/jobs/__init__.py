"""Functions of the rules: code fingerprints, paths, requests, checks before the first job, environments, GPU locks."""

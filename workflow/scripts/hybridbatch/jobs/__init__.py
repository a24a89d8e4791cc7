"""What the rules need: code fingerprints, paths, requests, checks before the first job, GPU locks."""

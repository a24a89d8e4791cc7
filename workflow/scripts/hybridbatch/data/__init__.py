"""Training pairs and benchmarks in their common form."""

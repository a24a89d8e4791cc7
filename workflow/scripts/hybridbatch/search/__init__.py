"""Search and the ranks of relevant passages."""

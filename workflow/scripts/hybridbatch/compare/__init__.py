"""Statistics over runs: it computes, and never lays out."""

"""Machine translation of training pairs."""

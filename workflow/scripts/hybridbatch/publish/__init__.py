"""Model cards, exports in TREC's format, and questions from the shell."""

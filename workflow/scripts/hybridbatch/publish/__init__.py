"""Model cards, exports for other tools, questions from the shell."""

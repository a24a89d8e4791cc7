"""A miniature of the Hugging Face hub: the data sets and models of config/paper.yaml, small, with random content, as published."""

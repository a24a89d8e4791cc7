"""Files from the network: pinned data files, and the Hugging Face hub."""

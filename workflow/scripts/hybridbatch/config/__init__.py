"""The experiment's configuration, one file for each section."""

"""Readers of published data formats, one file each."""

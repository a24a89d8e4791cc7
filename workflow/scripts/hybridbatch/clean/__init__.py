"""Cleaning of training pairs, and quality control of translations."""

"""Measures of rankings and of language bias."""

"""Shared by all stages: errors, atomic files, command lines, devices, language codes, row paths."""

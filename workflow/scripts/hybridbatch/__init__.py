"""Hybrid-batch training and evaluation of multilingual dense retrievers."""

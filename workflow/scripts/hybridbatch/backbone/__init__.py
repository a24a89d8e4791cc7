"""Pretrained encoders as sentence-transformers folders."""

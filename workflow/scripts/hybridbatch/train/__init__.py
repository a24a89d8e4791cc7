"""Fine-tuning with hybrid batches."""

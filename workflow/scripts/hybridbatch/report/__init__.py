"""Tables, figures and the report: they lay out, and never compute."""

"""Data, recipe and training loop: from a chromosome to measured figures."""

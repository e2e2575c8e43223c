"""Runs as live pages for a browser on this machine: read-only, refreshed as evaluations arrive."""

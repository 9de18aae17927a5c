"""Renders reports as self-contained web pages and documentation pages."""

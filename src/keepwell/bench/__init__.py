"""Measuring engines: load at a known rate, what each request took, and whether the client itself was the limit."""

"""Learns from closed incidents: counts behind weights, drafts of new causes, what was learned when."""

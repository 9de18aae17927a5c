"""Containers' definitions: what they ask for, what is wrong in them, and the steps that set them right."""

"""The whole fleet at one glance, the same for the terminal, the pages and programs."""

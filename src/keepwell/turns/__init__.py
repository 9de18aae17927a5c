"""Device time: whose turn it is on a GPU. A pure decision, the book of turns on disk, and how programs ask for one.

The standard library alone, since supervisors and scripts of others import it.
"""

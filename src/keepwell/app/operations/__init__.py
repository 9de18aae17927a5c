"""One noun a file; each ends in `OPERATIONS`, and nothing else lists them.

These modules are imported for every `--help`: what an operation needs, it imports when it is called. They do
not postpone annotations, so that a face reads parameters without importing the types of the answers.
"""

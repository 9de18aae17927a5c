"""The gym: faults on purpose, alone, in pairs and none at all, and how well keepwell names and mends them.

`fault` says what a fault is; `faults/` holds them, one file each (or one family), found by their file's name. `runner`
plays them, `score` counts. Nothing here imports the application: an operation passes in what looks and what mends.
"""

from keepwell.jobs.checkpoint import checkpoint as checkpoint

__version__: str

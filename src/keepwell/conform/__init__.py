"""Make it right: a finding becomes a plan, a plan is applied under a journal, asked again, and can be undone.

`repairs` finds what can be mended, `prepare` looks freshly and plans, `apply` and `undo` change the node so
that a kill at any instant can be gone on from or taken back.
"""

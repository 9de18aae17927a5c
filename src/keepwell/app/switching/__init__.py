"""Moves the requests for one route to another by steps, watches what becomes of them, and goes back by itself.

`plan` makes the steps and `objectives` judges what was measured, both pure; `measuring` reads the gateway's record;
`going` carries a move out under a journal.
"""

"""Where programs and files ask an engine directly, and what becomes of it behind the gateway.

`walk` is the only part that reads; the others are functions of text: `view` blanks what is no code, `find` finds
traces, `judge` says what becomes of each, `patch` writes the new lines as a diff. Nothing is ever written.
"""

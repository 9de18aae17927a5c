"""Plays requests at two routes before one takes over from the other, and says go or no-go with the evidence.

`given` and `shaping` make the requests, `hearing` reads the answers, `comparing` and `verdict` judge them: all pure.
`playing` sends them, `stage` is where they are sent to.
"""

"""Long programs: each under a small supervisor that outlives the terminal, and is itself survived by the program."""

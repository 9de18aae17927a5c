"""Wire formats: which paths they have, how they refuse, how their streams end and where they count tokens."""

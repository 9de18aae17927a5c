"""Finds the known texts nearest to a given one: issue texts and closed incidents, by words and by letters."""

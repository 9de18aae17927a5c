"""The words: pure types, standard library only, no I/O and no clock reads."""

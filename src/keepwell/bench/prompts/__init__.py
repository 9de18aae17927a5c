"""What is asked of a model that is measured: made texts of a wished length, those of a file, traces, conversations."""

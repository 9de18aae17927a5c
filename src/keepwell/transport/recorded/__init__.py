"""A node that was recorded: on a tape or in a bundle, and played back."""

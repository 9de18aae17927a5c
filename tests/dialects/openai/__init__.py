"""OpenAI's format."""

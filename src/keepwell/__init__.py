"""keepwell keeps self-hosted LLM servers well."""

__version__ = "0.1.0"

"""Programs that LangChain's and LlamaIndex's own environment runs; they import nothing of keepwell."""

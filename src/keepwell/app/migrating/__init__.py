"""Moving clients from engines to the gateway, and models from one engine to another."""

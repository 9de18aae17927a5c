"""What is known of requests when they are over, and of the gateway now."""

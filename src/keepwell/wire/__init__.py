"""HTTP as bytes, for what asks engines thousands of times a second: heads, and connections that are kept."""

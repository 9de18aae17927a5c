"""The bytes of HTTP on both sides: heads, bodies, connections."""

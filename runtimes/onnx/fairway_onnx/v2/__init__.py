"""Open Inference Protocol v2 as JSON: bytes to named arrays and back. Knows no socket and no runtime."""

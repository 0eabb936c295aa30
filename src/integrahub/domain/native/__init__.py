"""Building blocks, in Zig, of compiled twins of Python code: JSON scanner, XXH3, writer of binary COPY."""

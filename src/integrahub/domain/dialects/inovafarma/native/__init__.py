"""Kernel of the dialect: compiled twin of `identify` and `decode_columns` for plain records, and its binding."""

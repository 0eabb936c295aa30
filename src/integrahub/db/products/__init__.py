"""Tables of products and record issues."""

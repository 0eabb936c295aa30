"""Release of a version: changelog, version, tag, and what must agree with them."""

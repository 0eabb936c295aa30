"""Documentation site: the pages of `docs` and of the root folder in English and Portuguese, built by `make docs`."""

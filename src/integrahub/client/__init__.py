"""Client library: post catalogues and read what became of them."""

"""Posts of catalogues: the answer to an accepted one, and the shorter path of plain ones."""

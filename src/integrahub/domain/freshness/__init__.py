"""How fresh a catalogue is: the rhythm of posts, and why a pharmacy is silent."""

"""THE RECORD: who had what restricted, by which right. People write it."""

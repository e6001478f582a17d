"""Published lists as they come: the state register, and lists of names that others keep. Read, compared, recorded."""

"""Oracle's own tools on its own host: given what they need, heard to their end, judged by what they say."""

"""What was done on systems, session by session: routines' own, engineers', and those of jump hosts."""

# The routine and the topic of engineers' sessions and of the report about all of them.
ROUTINE = "session"
TOPIC = "session"

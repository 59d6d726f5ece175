"""What the PostgreSQL methods share: sessions, digests, write-ahead log, scratch clusters."""

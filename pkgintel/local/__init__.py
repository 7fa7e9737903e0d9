"""What a bare machine lacks: an embedded Postgres and Valkey, and the guardian that owns them."""

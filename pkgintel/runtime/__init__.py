"""One process: where its services are, how it writes its log, how it speaks to Redis."""

"""What is asked of other servers, and how politely: addresses, connections, retries, the fleet's limit."""

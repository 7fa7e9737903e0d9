"""pkgintel: is this NuGet package open source, and says who?

docs/architecture.md names the packages; imports only ever point down (checked by import-linter).
"""

"""pkgintel: is this NuGet package open source, and says who?

The README's picture names the rooms; imports only ever point down (checked by import-linter).
"""

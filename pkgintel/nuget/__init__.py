"""What NuGet means, pure: catalog documents, versions, times, and which pages a scan reads."""

"""What licenses mean, pure: the SPDX list, expressions, known URLs, and the verdict they lead to."""

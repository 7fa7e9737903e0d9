"""An audit as documents for other programs and for people; the same audit gives the same bytes but for its time."""

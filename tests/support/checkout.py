"""Where the tests stand: the checkout, and the real documents that may lie beside it."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = CHECKOUT.parent / "shared" / "data"

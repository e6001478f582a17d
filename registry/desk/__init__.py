"""The editors' desk: what waits for a decision, and what two people agree on. The tables themselves are in `admin`."""

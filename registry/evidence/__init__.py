"""The evidence pack: what the register holds of one resource, as files that a court can check without us."""

from registry.evidence.gathering import ON_PAPER, WITNESSES, Evidence, Witness, gather, page
from registry.evidence.pack import File, Pack, Sum, pack, zipped

__all__ = ["ON_PAPER", "WITNESSES", "Evidence", "File", "Pack", "Sum", "Witness", "gather", "pack", "page", "zipped"]

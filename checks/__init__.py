"""THE EVIDENCE: what is measured, and what it means. Machines write it."""

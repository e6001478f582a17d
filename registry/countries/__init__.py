"""The law side of the country packs: one folder a country, data only. `registry.packs` loads them."""

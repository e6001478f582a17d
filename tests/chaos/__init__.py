"""`make chaos`: whole sweeps on real servers while parts of the register are killed, stopped, cut off and misled."""

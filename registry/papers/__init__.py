"""Takes hostile files apart and makes harmless copies of them. Pure: no Django, no database, no network.

`rebuilding.rebuild` is the way in. It starts `reader`, which locks itself up (`confining`), reads
the file (`scanning`, `pictures`), burns what is marked into the pixels and answers pictures of its pages.
"""

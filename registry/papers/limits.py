"""How large a paper may be, and how long reading it may take. SECURITY.md tells them to editors."""

FILE_LIMIT = 20 * 2**20  # bytes as they came
COPY_LIMIT = 40 * 2**20  # bytes of all pages of the public copy
PAGES = 100
PIXELS = 40_000_000  # of one picture, and of one page as it is drawn
SIDE = 65_000  # pixels of one side of a page; a JPEG has at most 65,535
# At which a page of a PDF is drawn: the first that needs no more than PIXELS. At 144 print of 6 points can be read. A
# pixel is then 1/2, 3/4, 1 or 3/2 points wide, which a float holds exactly: a copy of a copy is the same to the pixel.
RESOLUTIONS = (144, 96, 72, 48)
SECONDS = 25  # by the clock, for the whole file; a worker of the web server has 30
CPU_SECONDS = 20
MEMORY = 1024 * 2**20  # address space of the child; a page of 40 million pixels takes 0.5 GiB
CHARACTERS = 2_000_000  # of text that is searched for personal numbers
FOUND = 1_000  # personal numbers that are told

"""The sections of a page, one file each. A new file with one call of `zennas.pages.section.register` adds a section."""

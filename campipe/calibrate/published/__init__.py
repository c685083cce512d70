"""What others have published of cameras, read with its units checked: one importer per kind of file."""

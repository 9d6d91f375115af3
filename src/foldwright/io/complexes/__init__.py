"""Jobs of any molecules in every program's files, and the files that AlphaFold 3 writes."""

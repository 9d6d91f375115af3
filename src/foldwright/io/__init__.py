"""Files in and out: sequences, alignments, structures, jobs."""

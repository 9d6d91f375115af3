"""Jobs on several machines through Ray: what is done where, and what happens when a machine is lost."""

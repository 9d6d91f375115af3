"""How close two structures are, as pure functions of tensors."""

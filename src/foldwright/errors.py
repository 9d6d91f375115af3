"""The one error for what a user can mend: it says where, what, and what would be right."""

from pathlib import Path


class InputError(Exception):
    """Something given to Foldwright cannot be used; the message is one paragraph with the remedy."""

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ):
        self.message, self.file, self.field, self.remedy = message, file, field, remedy
        self.line, self.column = line, column
        super().__init__(message)

    def __str__(self) -> str:
        place = [str(self.file)] if self.file is not None else []
        place += [f"line {self.line}"] if self.line is not None else []
        place += [f"column {self.column}"] if self.column is not None else []
        place += [f"field {self.field}"] if self.field is not None else []
        start = f"{', '.join(place)}: " if place else ""
        return " ".join(filter(None, [f"{start}{self.message}", self.remedy]))


class TrainingError(Exception):
    """Training went wrong in a way that going on cannot mend; the message names what and where."""

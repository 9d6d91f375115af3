"""`make demo`: fold human ubiquitin from the alignment beside this file, with the command a user would type."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = ["predict", str(HERE / "ubiquitin.a3m"), "--weights", "rule", "--model", "model_1_ptm"]
SHALLOW = ["--recycles", "1", "--set", "trunk.num_blocks=8"]  # seconds instead of minutes


def main() -> int:
    """Run the command and return its exit code; more options may follow on the command line."""
    command = [*COMMAND, *SHALLOW, *sys.argv[1:]]
    print("$ foldwright", " ".join(command), flush=True)
    return subprocess.call([sys.executable, "-m", "foldwright", *command])


if __name__ == "__main__":
    sys.exit(main())

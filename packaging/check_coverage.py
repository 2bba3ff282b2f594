"""Report the coverage of the last `make test COVERAGE=1` and fail below the floor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FLOOR = 80  # percent of lines and branches

if not Path(".coverage").exists():
    sys.stdout.write("no coverage data: run `make test COVERAGE=1` first\n")
    sys.exit(0)
sys.exit(subprocess.run([sys.executable, "-m", "coverage", "report", f"--fail-under={FLOOR}"], check=False).returncode)

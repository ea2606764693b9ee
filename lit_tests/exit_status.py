"""`exit_status.py N COMMAND...`: succeed when the command exits with status N."""

import subprocess
import sys

expected, command = int(sys.argv[1]), sys.argv[2:]
found = subprocess.run(command, check=False).returncode
if found != expected:
    sys.exit(f"{command[0]} exited with status {found}, not {expected}")

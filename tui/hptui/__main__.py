"""`python -m hptui` is `hptui`."""

from __future__ import annotations

import sys

from hptui.cli import main

if __name__ == "__main__":
    sys.exit(main())

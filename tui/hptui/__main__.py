"""`python -m hptui` is `hptui`."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `-m` puts the working folder first, where nothing of hptui stands.
    del sys.path[0]

from hptui.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m flowkit` is the command `flowkit`."""

import sys

from flowkit.cli import main

sys.exit(main())

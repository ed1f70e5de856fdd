"""microburst, throwing its dice from a seed: seeded.py SEED [MICROBURST'S OWN ARGUMENTS]"""

import random
import sys

from microburst.cli import main

random.seed(sys.argv[1])
sys.exit(main(sys.argv[2:]))

"""Two minutes of `make prove`, with another seed each time; SEED and MINUTES
say otherwise."""
import os
import random

import pytest

from prove import prove

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere


@pytest.mark.timeout(900)       # two minutes, however loaded the machine is
def test_two_hosts():
    """No promise is broken, and something was asked, and done to the hosts."""
    seed = os.environ.get("SEED", str(random.getrandbits(32)))
    done = prove(seed, float(os.environ.get("MINUTES", 2)))
    assert not done.wrong, f"seed {seed}: {done.wrong[0].promise}"
    assert done.kinds["2xx"] > 100 and done.troubles.total() > 3, done

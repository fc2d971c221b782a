"""pytest's way into the mutants: junit.py is the runner's."""
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

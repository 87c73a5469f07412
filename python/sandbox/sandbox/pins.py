"""Says whether this interpreter has all that a file of pinned requirements names, in just these versions.

Ends with 0 if it has; else says what it lacks.
"""

import importlib.metadata
import sys
from pathlib import Path


def lacks(line: str) -> str | None:
    """What is missing of one requirement, if anything."""
    name, _, version = line.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} {version}"
    return None if found == version else f"{name} {version} (it has {found})"


def main() -> None:
    lines = (line.strip() for line in Path(sys.argv[1]).read_text().splitlines())
    missing = [lack for line in lines if line and not line.startswith("#") and (lack := lacks(line))]
    if sys.version_info < (3, 10):  # noqa: UP036  # whatever interpreter the laptop has
        missing.insert(0, "Python 3.10")
    if missing:
        sys.exit(", ".join(missing))


if __name__ == "__main__":
    main()

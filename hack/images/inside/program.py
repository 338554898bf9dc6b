"""Compiles our packages below ROOT/app and writes the executable that runs one of them.

    python3 -m hack.images.inside.program ROOT NAME MODULE

The executable isolates Python (-I): no variable and no folder of the user's changes what it
imports. -B: it never tries to write bytecode; all is compiled. -S: there are no site-packages.
"""

import sys
from pathlib import Path
from typing import Final

from hack.images.inside.files import compile_all, settle

_PROGRAM: Final = """\
#!{python} -IBS
import runpy
import sys

sys.path[:0] = ["/app", "/app/lib"]
runpy.run_module("{module}", run_name="__main__", alter_sys=True)
"""


def main(root: Path, name: str, module: str) -> None:
    """Finish what the build copied to the root."""
    compile_all(root / "app", root)
    program = root / name
    python = Path(sys.executable).resolve()
    program.write_text(_PROGRAM.format(python=python, module=module), encoding="utf-8")
    program.chmod(0o755)
    settle(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])

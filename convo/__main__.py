"""The command line as a module: `python -m convo`.

It is the same as the command `convo`.
"""

from convo.cli import main

main(prog_name="python -m convo")

"""Runs a program on a terminal of its own, which is closed as soon as a text is seen there; ends as the program does.

usage: hang-up.py TEXT PROGRAM [ARGUMENT]…
"""

import os
import pty
import sys

text, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while text.encode() not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

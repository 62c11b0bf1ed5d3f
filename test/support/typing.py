"""Runs a command line on a terminal of its own, and types the answers there.

usage: typing.py LINE [PROMPT ANSWER]…
"""

import os
import pty
import select
import sys

line, *answers = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", line])
shown, unseen, typed = "", "", None
while True:
    # Who asks for a password forgets what was typed until then.
    while typed is not None and not select.select([terminal], [], [], 2)[0]:
        os.write(terminal, typed)
    try:
        more = os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        break
    if not more:
        break
    shown, unseen = shown + more, unseen + more
    if answers and answers[0] in unseen:
        unseen, typed = "", (answers[1] + "\n").encode()
        os.write(terminal, typed)
        answers = answers[2:]
print(shown.replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

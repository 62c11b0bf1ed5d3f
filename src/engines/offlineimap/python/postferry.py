"""The pythonfile of the offlineimaprc that postferry emits.

OfflineIMAP loads it once per run, before the first account. It opens all
credentials of the run in one go and repairs OfflineIMAP 8.0 in process, so
that mail arrives byte for byte, with its dates, flags and mailbox names, and
the source is only ever read. Nothing below is changed on the disk of OfflineIMAP.

The offlineimaprc calls get_user, get_password, folder_filter and folder_name
with an account's id.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import offlineimap
from postferry_offlineimap import replacing

if not offlineimap.__version__.startswith('8.0.'):
    replacing.refuse('this is %s' % offlineimap.__version__)

from postferry_offlineimap import connection, credentials, durable, folders, leftovers, messages, owner, room, run, tls

# One line per repair; the reason stands in its function.
REPAIRS = [
    run.single_thread,
    run.interruption_told,
    run.all_accounts,
    run.one_failure_one_account,
    run.results_told,
    run.one_run_an_account,
    run.known_errors_without_traceback,
    run.paths_as_written,
    tls.certificates_verified,
    tls.in_turns,
    connection.refusals_told,
    connection.sign_in_once,
    connection.broken_released,
    connection.login_quoted,
    connection.secrets_unlogged,
    connection.only_reads,
    folders.mailboxes_as_announced,
    folders.names_quoted,
    folders.names_never_split,
    folders.own_status_per_mailbox,
    messages.bytes_untouched,
    messages.dates_kept,
    messages.order_kept,
    leftovers.whole_or_copied_again,
    durable.synced_before_known,
    owner.state_of_its_owner,
    owner.homes_of_their_owners,
    room.some_left,
]

for repair in REPAIRS:
    repair()

get_user = credentials.user
get_password = credentials.password
folder_filter = folders.wanted
folder_name = folders.directory

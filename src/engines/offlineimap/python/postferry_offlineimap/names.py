"""Names that postferry's TypeScript derives too (names.ts): test/vectors/names.json holds them equal. Pure."""
import base64
import hashlib
import re

LONGEST = 255  # bytes in a file name
SLASH = '\u2215'  # looks like the slash that the destination's separator leaves no room for


def migration(account):
    """The number of the migration that OfflineIMAP calls m-17."""
    return account[len('m-'):]


def directories(mailboxes):
    """For [(name, separator or None, prefix)] the directory of each name, as Dovecot's listescape plugin reads it.

    Each is unique, and the same at every run. What two mailboxes would share goes to the one whose name needed less
    change; the other gets a mark of its own.
    """
    found, taken = {}, set()
    candidates = [(levels(*mailbox), mailbox[0]) for mailbox in mailboxes]
    for (parts, changed), name in sorted(candidates, key=lambda each: (each[0][1], each[1])):
        path = directory(parts)
        if path in taken or len(path) > LONGEST:
            path = _marked(parts, name)
        taken.add(path)
        found[name] = path
    return found


def levels(name, separator, prefix):
    """The levels of a mailbox's name on the destination, and whether something in them had to be replaced."""
    if is_inbox(name):
        return [], False
    stripped = name[len(prefix):] if prefix and name.startswith(prefix) and name != prefix else name
    parts = stripped.split(separator) if separator else [stripped]
    texts = [decode(part) for part in parts]
    # The destination knows the top level INBOX in one spelling only, and there it is the inbox itself.
    if is_inbox(texts[0]):
        texts[0:1] = ['INBOX', texts[0]] if len(texts) == 1 or stripped != name else ['INBOX']
    fitting = [_fitting(text) for text in texts]
    return fitting, fitting != texts


def is_inbox(text):
    return text.isascii() and text.upper() == 'INBOX'


def directory(parts):
    return ''.join('.' + encode(_escaped(part)) for part in parts)


def status_file(path):
    """The file that keeps what OfflineIMAP knows of a directory: one each, and no name longer than a file's."""
    name = path or 'INBOX'
    return name if len(name) <= 200 else hashlib.sha256(name.encode()).hexdigest()


def message_file(unique, uid, path, flags):
    """The file of a message in a directory, by its UID at the source."""
    return '%s,U=%d,FMD5=%s:2,%s' % (unique, uid, hashlib.md5(path.encode()).hexdigest(), ''.join(sorted(flags)))


def decode(name):
    """Modified UTF-7 (RFC 3501, 5.1.3) to text; what is none, or not as it should be, is taken as it stands."""
    try:
        text = re.sub('&([^-]*)-', _run_to_text, name)
        return text if encode(text) == name else name
    except ValueError:
        return name


def encode(text):
    return re.sub('[^ -~]+|&', _text_to_run, text)


def _run_to_text(match):
    run = match[1].replace(',', '/')
    return base64.b64decode(run + '=' * (-len(run) % 4), validate=True).decode('utf-16-be') if run else '&'


def _text_to_run(match):
    if match[0] == '&':
        return '&-'
    run = base64.b64encode(match[0].encode('utf-16-be')).decode().rstrip('=')
    return '&%s-' % run.replace('/', ',')


def _fitting(text):
    text = re.sub('[\x00-\x1f\ud800-\udfff]', '\ufffd', text.replace('/', SLASH))
    return text or '_'


def _escaped(text):
    text = re.sub(r'[.\\]', lambda match: '\\%02x' % ord(match[0]), text)
    return '\\7e' + text[1:] if text.startswith('~') else text


def _marked(parts, name):
    """The name, shortened where it must be, with a mark that only this mailbox has."""
    mark = ' (%s)' % hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]
    while len(directory(parts[:-1] + [parts[-1] + mark])) > LONGEST:
        parts = parts[:-1] + [parts[-1][:-1]] if parts[-1] else parts[:-1]
    return directory(parts[:-1] + [parts[-1] + mark])

"""Reads what imaplib2 hands over of LIST and NAMESPACE responses. Pure."""
import re

_TOKEN = re.compile(r' *(?:(?P<bracket>[()])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^ ()"]+))', re.DOTALL)


def values(response):
    """Strings for atoms and strings, None for NIL, lists for parentheses.

    imaplib2 gives bytes, or (bytes up to `{size}`, the literal) where the response ends with one.
    """
    line, literal = response if isinstance(response, tuple) else (response, None)
    text = line.decode('utf-8', 'surrogateescape')
    if literal is not None:
        text = text[:text.rindex('{')]
    found = _tokens(text)
    return found if literal is None else found + [literal.decode('utf-8', 'surrogateescape')]


def quoted(text):
    """A string as IMAP wants it; never an atom, so that no character of a name means something else."""
    if re.search('[\0\r\n]', text):
        raise ValueError('a line break or NUL cannot be sent: %r' % text)
    return b'"%s"' % re.sub(r'["\\]', r'\\\g<0>', text).encode('utf-8', 'surrogateescape')


def _tokens(text):
    stack = [[]]
    for token in _TOKEN.finditer(text):
        if token['bracket'] == '(':
            stack.append([])
        elif token['bracket'] == ')' and len(stack) > 1:
            done = stack.pop()
            stack[-1].append(done)
        elif token['quoted'] is not None:
            stack[-1].append(re.sub(r'\\(.)', r'\1', token['quoted'], flags=re.DOTALL))
        elif token['atom']:
            stack[-1].append(None if token['atom'].upper() == 'NIL' else token['atom'])
    return stack[0]

"""IMAP LIST patterns (RFC 3501, 6.3.8), as list-patterns.ts has them: test/vectors/patterns.json. Pure."""


def matches(pattern, name, separator):
    """`*` is anything, `%` anything within one level; INBOX is INBOX in any case.

    The time it takes grows with the two lengths only, whatever the pattern.
    """
    first = name.split(separator, 1)[0] if separator else name
    inbox = 5 if first == 'INBOX' else 0
    ends = {0}
    for sign in pattern:
        if sign in '*%':
            ends = set(_reachable(ends, name, separator if sign == '%' else None))
        else:
            ends = {end + 1 for end in ends if _same(sign, name[end:end + 1], end < inbox)}
    return len(name) in ends


def _same(sign, character, any_case):
    return sign == character or any_case and sign.upper() == character


def _reachable(starts, name, separator):
    reached = False
    for end in range(len(name) + 1):
        reached = end in starts or reached and (separator is None or name[end - 1] != separator)
        if reached:
            yield end

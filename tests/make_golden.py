"""Write tests/golden/: what this interpreter's own pickle writes for the corpus, what it raises and whom it calls.

Run it with the newest CPython (implementations.NEWEST), whose bytes pickle5 promises everywhere, after adding to the
corpus; the repository's root must be importable. Run it twice with different PYTHONHASHSEEDs: the files must not differ.

A short pickle is kept whole, in base64; a long one as its length and SHA-256.
"""
import base64
import hashlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, 'golden')
WHOLE = 300


def entry(data):
    """How the golden files hold these bytes."""
    if len(data) <= WHOLE:
        return base64.b64encode(data).decode('ascii')
    return [len(data), hashlib.sha256(data).hexdigest()]


def path_of(protocol):
    return os.path.join(FOLDER, 'protocol%d.json' % protocol)


def read(protocol):
    with open(path_of(protocol)) as file:
        return json.load(file)


def read_errors():
    with open(os.path.join(FOLDER, 'errors.json')) as file:
        text = file.read()
    return json.loads(text.replace(str((1 << 63) - 1), str(sys.maxsize)))   # "the system's maximum", written on 64 bits


def read_calls():
    with open(os.path.join(FOLDER, 'calls.json')) as file:
        return json.load(file)


def write_calls():
    """golden/calls.json: the calls that this interpreter's pickle makes for call_order's cases."""
    import call_order
    from implementations import STDLIB
    table = {}
    for name, run in list(call_order.cases()) + list(call_order.read_cases(STDLIB.dumps)):
        table[name] = call_order.summary(*call_order.every_position(lambda fuse, error: run(STDLIB, fuse, error)))
    with open(os.path.join(FOLDER, 'calls.json'), 'w', newline='\n') as file:
        file.write('{\n' + ',\n'.join('%s: %s' % (json.dumps(name), json.dumps(table[name])) for name in sorted(table)) + '\n}\n')
    print('%d traces, %d of them again with each call raising' % (len(table), sum(each[1] for each in table.values())))


def write_errors():
    """golden/errors.json: what this interpreter's pickle raises for error_cases, one line each."""
    import error_cases
    from implementations import STDLIB
    table = error_cases.outcomes(STDLIB.dumps, STDLIB.loads)
    with open(os.path.join(FOLDER, 'errors.json'), 'w', newline='\n') as file:
        file.write('{\n' + ',\n'.join('%s: %s' % (json.dumps(name), json.dumps(found)) for name, found in table.items()) + '\n}\n')
    print('%d errors' % len(table))


def main():
    import corpus
    from implementations import NEWEST, STDLIB
    if sys.version_info[:2] != NEWEST[:2]:
        sys.exit('golden files are written by CPython %d.%d' % NEWEST[:2])
    os.makedirs(FOLDER, exist_ok=True)
    for protocol in range(6):
        cases = corpus.select(golden=True, protocol=protocol)
        entries = {case.name: entry(STDLIB.dumps(case.build(), protocol)) for case in cases}
        with open(path_of(protocol), 'w', newline='\n') as file:
            json.dump(entries, file, indent=0, sort_keys=True)
            file.write('\n')
        print('protocol %d: %d pickles, %d bytes' % (protocol, len(entries), os.path.getsize(path_of(protocol))))
    write_errors()
    write_calls()


if __name__ == '__main__':
    main()

"""Which engine this is: a digest of its C source, comments and blank space left out.  Prints it.

What was measured or tried holds for one engine; docs/benchmarks.md names the file that was built instead.
"""
import glob
import hashlib
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOKENS = re.compile(r'''("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|/\*.*?\*/|//[^\n]*|\s+''', re.S)


def without_comments(text):
    return TOKENS.sub(lambda found: found.group(1) or ' ', text.replace('\r\n', '\n'))


def digest(root=ROOT):
    found = hashlib.sha256()
    paths = [path for folder in ('Modules', 'Modules/_pickle', 'Include') for path in glob.glob(os.path.join(root, folder, '*.[ch]'))]
    for name in sorted(os.path.relpath(path, root).replace(os.sep, '/') for path in paths):
        with open(os.path.join(root, name), encoding='utf-8') as file:
            found.update((name + '\n' + ' '.join(without_comments(file.read()).split()) + '\n').encode('utf-8'))
    return found.hexdigest()[:12]


if __name__ == '__main__':
    print(digest())

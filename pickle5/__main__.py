"""``python -m pickle5 FILE...`` shows what pickles hold; ``--install`` runs a program on the engine."""
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["--install"]:
        from pickle5 import _install
        _install.main(sys.argv[2:])
    else:
        from pickle5.Lib.pickle import _main
        _main()

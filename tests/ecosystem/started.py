"""Programs that are started here end in time, and leave nothing behind that goes on running."""
import os
import signal
import subprocess
import tempfile


def run(command, seconds, **options):
    """Return the exit status, or None if it took longer, and what it wrote; its process group ends with it, at the latest.

    It writes to a file: a pipe would be open for as long as any child of its children has it.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=os.name != "nt", **options)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if hasattr(os, "killpg"):
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            elif process.poll() is None:
                process.kill()
            process.wait()
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")

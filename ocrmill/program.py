"""The program `ocrmill`: the command line, which Ctrl-C ends without a traceback while Python still imports it, too."""

import signal


def main() -> None:
    """Import the command line and run it."""
    at_ctrl_c = signal.getsignal(signal.SIGINT)
    if at_ctrl_c is signal.default_int_handler:  # which would raise somewhere in an import
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ocrmill import cli

    signal.signal(signal.SIGINT, at_ctrl_c)
    cli.main()

"""The one error class for mistakes that a user can mend."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in the user's input, told in one clear sentence that names the file, the field and what to do.

    The command line prints the message without a traceback and exits with status 2.
    """

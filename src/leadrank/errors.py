"""The one exception for what a user can mend."""


class UserError(ValueError):
    """A mistake in a user's file, table or flag; the command line ends with code 2.

    The message is shown as it stands, without a traceback. It says where the mistake is, what
    was expected, what came, and what to do; several problems come as several lines.
    """

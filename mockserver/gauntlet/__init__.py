"""The gauntlet: what a client survives. It runs a command under each legal answer and each transient failure.

`deviations` says what is tried and what may be tried together, `commands` runs the command once, `trials`
runs it against a sandbox of its own, `gauntlet` decides what is run next and what follows from it, `reports`
writes the result.
"""

from mockserver.gauntlet.gauntlet import Gauntlet, GauntletOptions
from mockserver.gauntlet.reports import FORMATS, Report

__all__ = ["FORMATS", "Gauntlet", "GauntletOptions", "Report"]

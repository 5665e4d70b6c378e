"""How the manual is built: `scripts/docs`."""

from mockserver.version import VERSION

project = "hsrcpay-mockserver"
version = release = VERSION
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
html_copy_source = False
# Each heading is a place that a link can name.
myst_heading_anchors = 3
nitpicky = True
# JSON with an ellipsis, console sessions: shown as they are.
suppress_warnings = ["misc.highlighting_failure"]

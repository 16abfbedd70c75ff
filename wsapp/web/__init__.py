"""
What a wsapp port answers to plain HTTP: each application's pages, and an index of them.

`siteFor` makes the `twisted.web.server.Site` that a port uses; `StaticFolder` and `Page` are for
application authors, to return from `App.resource()`; `BoundedRequest` is for sites of their own.
"""

from wsapp.web.pages import PAGE_POLICY, Page, StaticFolder, secure
from wsapp.web.site import BoundedRequest, siteFor

__all__ = ["PAGE_POLICY", "BoundedRequest", "Page", "StaticFolder", "secure", "siteFor"]

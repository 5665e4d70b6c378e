"""HSRCPAY: everything that this package knows of one API beyond its schemas. One noun a file."""

from mockserver.vendors.hsrcpay.rules import HsrcpayRules

__all__ = ["HsrcpayRules"]

"""HSRCPAY's error envelope."""

from __future__ import annotations

from mockserver.vendors.hsrcpay.errors import error_envelope


def test_an_error_envelope_holds_the_status_the_text_and_the_details() -> None:
    assert error_envelope(404, "It is gone.", {"reason": "gone"}) == {
        "message": "It is gone.",
        "success": False,
        "error": {"code": 404, "message": "It is gone.", "details": {"reason": "gone"}},
    }

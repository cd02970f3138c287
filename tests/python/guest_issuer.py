"""Obtains and uses guest tokens as an application of webexpythonsdk does, and checks what comes back.

Reads a JSON object from standard input: "base_url" of the API, "issuer" and "secret", and "daemon_token", a token that
guestissuerd minted for the guest "123", whose name is "Stève". Prints one line for each thing that holds.
"""

import base64
import json
import sys
import time

from webexpythonsdk import ApiError, WebexAPI

UNAUTHORIZED = "The request requires a valid access token set in the Authorization request header."

# Half a minute is the most that a loaded machine should need between two lines of this program.
JWT_LIFE = 30


def check(holds, what):
    if not holds:
        sys.exit(f"this does not hold: {what}")
    print(f"ok: {what}")


def unauthorized(what, call):
    """Checks that a call is refused as Webex refuses."""
    try:
        call()
    except ApiError as error:
        check(error.status_code == 401, f"{what} raises ApiError 401")
        check(error.message == UNAUTHORIZED, f"{what} has Webex's message")
        check(error.tracking_id.startswith("ROUTER_"), f"{what} has a tracking id")
        check(
            error.details["errors"] == [{"description": UNAUTHORIZED}],
            f"{what} has Webex's details",
        )
        check(error.response.headers["trackingid"] == error.tracking_id, f"{what} has one tracking id")
    else:
        sys.exit(f"this does not hold: {what} raises")


def main():
    given = json.load(sys.stdin)

    def application(access_token):
        return WebexAPI(access_token=access_token, base_url=given["base_url"])

    def create(subject, name, expires_in=JWT_LIFE, secret=given["secret"]):
        expires_at = str(int(time.time()) + expires_in)
        issuer = application("no token is needed").guest_issuer
        return issuer.create(subject, name, given["issuer"], expires_at, secret)

    guest = create("sdk-guest", "Zoë Ångström")
    check(isinstance(guest.token, str) and len(guest.token) > 2000, "create gives a token")
    check(guest.expiresIn in (21599, 21600), "create gives its life in seconds")

    me = application(guest.token).people.me()
    check(me.displayName == "Zoë Ångström", "people.me knows the guest's name")
    check(len(me.emails) == 1 and me.emails[0].startswith("sdk-guest@"), "people.me knows the guest's subject")
    check(me.type == "appuser", "people.me knows that the person is a guest")
    check(me.created.year >= 2025, "people.me says when the guest was created")

    again = create("sdk-guest", "Zoë Ångström")
    check(again.token != guest.token, "create gives another token every time")
    check(application(again.token).people.me().id == me.id, "a guest stays the same person")
    check(application(guest.token).people.me().id == me.id, "an earlier token stays valid")

    wrong = base64.b64encode(b"another secret of at least 32 bytes").decode()
    unauthorized("a wrong secret", lambda: create("sdk-wrong", "Wrong", secret=wrong))
    unauthorized("an expired JWT", lambda: create("sdk-late", "Late", expires_in=-60))
    unauthorized("a token nobody minted", lambda: application("x").people.me())

    guest = application(given["daemon_token"]).people.me()
    check(guest.emails[0].startswith("123@"), "the daemon's token is that of guest 123")
    check(guest.displayName == "Stève", "the daemon's token knows the guest's name")


main()

"""Obtains and uses tokens by way of a Service App as an application of wxc-sdk does, and checks what comes back.

usage: python wxc_sdk_client.py BASE_URL

BASE_URL is the address of a sandbox's API, such as http://127.0.0.1:8080/v1. Standard input has the credentials of its
Service App as JSON, with "client_id", "client_secret" and "refresh_token", as the sandbox prints them in its fourth
line; the refresh token must be alive. Prints one line for each thing that holds, and ends with 0 if all do.
Needs wxc-sdk 1.41.0; with webexpythonsdk 2.0.6 at hand, that is tried too.
"""

import json
import sys

from requests import HTTPError
from wxc_sdk import WebexSimpleApi
from wxc_sdk.integration import Integration
from wxc_sdk.rest import RestError, RestSession
from wxc_sdk.tokens import Tokens

UNAUTHORIZED = "The request requires a valid access token set in the Authorization request header."


def check(holds, what):
    if not holds:
        sys.exit(f"this does not hold: {what}")
    print(f"ok: {what}")


def refused(what, status, text, call):
    """Checks that a call is refused as Webex refuses."""
    try:
        call()
    except RestError as error:
        check(error.response.status_code == status, f"{what} raises RestError {status}")
        check(text in error.description, f"{what} is explained")
        check(error.detail.tracking_id == error.response.headers["trackingid"], f"{what} has one tracking id")
    else:
        sys.exit(f"this does not hold: {what} raises")


def refresh(base, app):
    """Refreshes the Service App's own token, and tries what must fail."""

    def integration(client_secret):
        return Integration(
            client_id=app["client_id"],
            client_secret=client_secret,
            scopes="guest-issuer:read guest-issuer:write",
            redirect_url="http://localhost",
            token_service=f"{base}/access_token",
        )

    tokens = Tokens(refresh_token=app["refresh_token"])
    check(integration(app["client_secret"]).validate_tokens(tokens), "validate_tokens refreshes")
    check(tokens.access_token is not None, "a refresh gives an access token")
    check(tokens.remaining > 13 * 86400, "a refresh says how long the access token lives")
    check(tokens.refresh_token_expires_in > 80 * 86400, "a refresh says how long the refresh token lives")
    check(tokens.refresh_token != app["refresh_token"], "a refresh gives another refresh token")

    for what, secret, refresh_token, status, error in (
        ("a wrong client secret", "x", tokens.refresh_token, 401, "invalid_client"),
        ("an unknown refresh token", app["client_secret"], "x", 400, "invalid_grant"),
    ):
        try:
            integration(secret).refresh(Tokens(refresh_token=refresh_token))
        except HTTPError as raised:
            check(raised.response.status_code == status, f"{what} raises {status}")
            check(raised.response.json()["error"] == error, f"{what} is called {error}")
        else:
            sys.exit(f"this does not hold: {what} raises")
    return tokens


def guests(tokens):
    """Makes guests, counts them, and looks who they are."""
    api = WebexSimpleApi(tokens=tokens)
    before = int(api.guests.guest_count())
    guest = api.guests.create(subject="wxc guest", display_name="Zoë Ångström")
    check(guest.subject == "wxc guest" and guest.display_name == "Zoë Ångström", "guests.create gives the guest back")
    check(len(guest.access_token) > 2000, "guests.create gives a token")
    check(64_700 < guest.remaining <= 64_799, "guests.create says how long it lives")
    check(guest.email.endswith("@appid.ciscospark.com"), "guests.create gives an e-mail address")
    check(int(api.guests.guest_count()) == before + 1, "guest_count counts the guest")

    me = WebexSimpleApi(tokens=guest.access_token).people.me()
    check(me.person_id == guest.id, "people.me is the person that guests.create named")
    check(me.display_name == "Zoë Ångström" and me.emails == [guest.email], "people.me knows the guest")

    again = api.guests.create(subject="wxc guest", display_name="Zoë")
    check(again.access_token != guest.access_token, "guests.create gives another token every time")
    check(again.id == guest.id, "a guest stays the same person")
    me = WebexSimpleApi(tokens=guest.access_token).people.me()
    check(me.display_name == "Zoë", "an earlier token stays valid and shows the new name")
    check(int(api.guests.guest_count()) == before + 1, "guest_count counts a guest once")
    check(api.people.me().person_id != guest.id, "people.me knows the Service App itself")

    stranger = WebexSimpleApi(tokens="x")
    refused("a token nobody minted", 401, UNAUTHORIZED, lambda: stranger.guests.create("1", "A"))
    as_guest = WebexSimpleApi(tokens=guest.access_token)
    refused("a guest that makes a guest", 403, "guest-issuer:write", lambda: as_guest.guests.create("1", "A"))
    refused("a guest without a name", 400, "", lambda: api.guests.create("1", ""))


def other_sdk(base, app, tokens):
    """The same refresh by webexpythonsdk, which knows nothing of guests of a Service App."""
    try:
        from webexpythonsdk import ApiError, WebexAPI
    except ImportError:
        print("skipped: webexpythonsdk is not installed")
        return
    api = WebexAPI(access_token=tokens.access_token, base_url=f"{base}/")
    check(api.people.me().type == "bot", "webexpythonsdk: people.me knows the Service App itself")
    renewed = api.access_tokens.refresh(app["client_id"], app["client_secret"], tokens.refresh_token)
    check(renewed.expires_in > 13 * 86400, "webexpythonsdk: a refresh says how long the access token lives")
    check(renewed.refresh_token != tokens.refresh_token, "webexpythonsdk: a refresh gives another refresh token")
    try:
        api.access_tokens.refresh(app["client_id"], app["client_secret"], "x")
    except ApiError as error:
        check(error.status_code == 400, "webexpythonsdk: an unknown refresh token raises ApiError 400")
        check(error.details["error"] == "invalid_grant", "webexpythonsdk: it is called invalid_grant")
    else:
        sys.exit("this does not hold: webexpythonsdk: an unknown refresh token raises")


def main():
    base = sys.argv[1]
    RestSession.BASE = base
    app = json.load(sys.stdin)
    tokens = refresh(base, app)
    guests(tokens)
    other_sdk(base, app, tokens)


main()

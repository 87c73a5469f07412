"""Visits a lab in a browser: its start page, JupyterHub's sign-in page, and a user's JupyterLab.

    visit.py START_PAGE HUB USER        the user's password is read from standard input

Exits 1 and says what is other than a user expects.
"""

import sys

from browser import Browser, BrowserError


def expect(browser, where, title, heading):
    """A page has this title and heading, and the browser had no error to tell."""
    found = browser.ask("[document.title, document.querySelector('h1')?.innerText]")
    if found != [title, heading]:
        raise BrowserError(f"{where} has the title and heading {found}, not {[title, heading]}")
    if browser.errors:
        raise BrowserError(f"{where} makes the browser tell errors: {browser.errors}")
    print(f"✓ {where}: {title}, {heading}")


def visit(browser, start, hub, user, password):
    browser.open(start)
    lab = browser.ask("document.querySelector('h1').innerText")
    expect(browser, "start page", lab, lab)
    link = browser.ask("document.querySelector('main a').href")
    if link != hub:
        raise BrowserError(f"the start page leads to {link}, not to {hub}")
    browser.click("main a")
    expect(browser, "sign-in page", "JupyterHub", "Sign in")

    browser.type("#username_input", user)
    browser.type("#password_input", password)
    browser.click("#login_submit")
    # The launcher, once the user's server has started and JupyterLab has built its page: what can be opened there.
    offers = "[...document.querySelectorAll('.jp-LauncherCard')].map(card => card.innerText.trim()).join(', ')"
    offers = browser.wait_for(offers)
    if not browser.ask("location.href").startswith(f"{hub}user/{user}/lab"):
        raise BrowserError(f"JupyterLab of {user} is at {browser.ask('location.href')}")
    print(f"✓ JupyterLab of {user}: {offers}")


def main():
    start, hub, user = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    try:
        with Browser() as browser:
            visit(browser, start, hub, user, password)
    except BrowserError as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()

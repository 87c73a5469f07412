"""Asks a server for its page again and again, as a browser does that trusts any certificate: `poll.py PORT`.

Prints a line for each answer: `up` and the domain that the page names, or `down` and why there was none.
"""

import http.client
import re
import ssl
import sys
import time

PAUSE = 0.05
# A machine that is busy with other tests answers late, and answers.
PATIENCE = 20


def ask(port):
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
    try:
        connection.request("GET", "/", headers={"Host": "127.0.0.1", "Connection": "close"})
        answer = connection.getresponse()
        found = re.search(r"lab at (\S+?)<", answer.read().decode())
        return f"up {found[1]}" if answer.status == 200 and found else f"down status {answer.status}"
    except (OSError, http.client.HTTPException) as error:
        return f"down {error!r}"
    finally:
        connection.close()


while True:
    print(ask(int(sys.argv[1])), flush=True)
    time.sleep(PAUSE)

"""Clients that never stop asking: load.py URL CLIENTS

Each asks for the project over a connection that it keeps, every tenth time
it writes; all answers must be 200. The key comes on the first line of stdin.
A kept connection that was closed between two requests is opened again, as
every client does (RFC 9112, 9.3.1); how often is counted. Prints "ready" when
every client has had an answer; at the end of stdin it stops and prints JSON:
{"requests": N, "written": N, "failures": [text, …], "longest": ms, "reopened": N}.
"""
import http.client
import json
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

PAUSE = 0.02    # 16 clients stay below the site's 1,000 requests a second
stop = threading.Event()
lock = threading.Lock()
answered = []
reopened = []
written = []
failures = []


def connection(url):
    if url.scheme == "https":
        # the certificate is the tests' own business, not the load's
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection(url.netloc, timeout=20,
                                           context=context)
    return http.client.HTTPConnection(url.netloc, timeout=20)


def ask(line, number, headers):
    """One request; what was wrong with the answer, or None."""
    kept = line.sock is not None
    try:
        return ask_once(line, number, headers)
    except ConnectionError as error:     # RemoteDisconnected is one
        line.close()
        if not kept:
            return repr(error)
    except (OSError, http.client.HTTPException) as error:
        line.close()
        return repr(error)
    with lock:
        reopened.append(number)
    return ask(line, number, headers)


def ask_once(line, number, headers):
    if number % 10:
        line.request("GET", "/api/v1/project", headers=headers)
    else:
        body = json.dumps({"gitCommitName": f"load {number}"})
        line.request("POST", "/api/v1/project/settings/update", body,
                     {**headers, "Content-Type": "application/json"})
    answer = line.getresponse()
    body = answer.read()
    if answer.status != 200:
        return f"{answer.status} {body[:200]!r}"
    if number % 10 == 0:
        with lock:
            written.append(number)
    return None


def client(url, headers, first):
    line, number = connection(url), 0
    while not stop.is_set():
        number += 1
        begin = time.monotonic()
        wrong = ask(line, number, headers)
        with lock:
            answered.append(time.monotonic() - begin)
            if wrong:
                failures.append(wrong)
        first.set()
        stop.wait(PAUSE)


def main(url, count):
    url = urlsplit(url)
    key = sys.stdin.readline().strip()
    headers = {"Authorization": f"Bearer {key}"}
    firsts = [threading.Event() for _ in range(count)]
    threads = [threading.Thread(target=client, args=(url, headers, first))
               for first in firsts]
    for thread in threads:
        thread.start()
    for first in firsts:
        first.wait()
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"requests": len(answered), "written": len(written),
                      "failures": failures,
                      "longest": round(max(answered) * 1000),
                      "reopened": len(reopened)}))


main(sys.argv[1], int(sys.argv[2]))

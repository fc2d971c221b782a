"""relay.py LISTEN SERVER: the way of one host to PostgreSQL.

Passes bytes on between two unix sockets. A line on stdin changes that: `up`
and `down` stop what goes to the server, what comes from it, as a network does
that loses it one way; `go` lets it through again; `drop` ends all connections.
Ends with its stdin.
"""
import os
import selectors
import socket
import sys

MOST = 1 << 18      # bytes that wait in one direction


class Way:
    """What goes from one socket to the other."""

    def __init__(self, source, to, name):
        self.source, self.to, self.name = source, to, name
        self.data = b""
        self.ended = False


class Relay:
    def __init__(self, listen, server):
        self.server = server
        self.watch = selectors.DefaultSelector()
        self.cut = set()
        self.pairs = {}         # socket → (way from it, way to it)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(listen)
        self.sock.listen(128)
        self.watch.register(self.sock, selectors.EVENT_READ, "accept")
        self.watch.register(0, selectors.EVENT_READ, "told")
        self.going = True

    def run(self):
        while self.going:
            for key, events in self.watch.select():
                if key.data == "accept":
                    self.accept()
                elif key.data == "told":
                    self.told()
                elif key.fileobj in self.pairs:
                    self.carry(key.fileobj, events)

    def told(self):
        words = os.read(0, 4096).decode().split()
        self.going = bool(words)
        for word in words:
            if word == "drop":
                for sock in list(self.pairs):
                    self.close(sock)
            elif word == "go":
                self.cut.clear()
            else:
                self.cut.add(word)
        for sock in self.pairs:
            self.want(sock)

    def accept(self):
        client, _ = self.sock.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.server)
        except OSError:
            client.close()
            return
        up, down = Way(client, server, "up"), Way(server, client, "down")
        self.pairs[client], self.pairs[server] = (up, down), (down, up)
        for sock in client, server:
            sock.setblocking(False)
            self.watch.register(sock, selectors.EVENT_READ, "carry")

    def want(self, sock):
        """What this socket is watched for."""
        out, into = self.pairs[sock]
        events = 0
        if not out.ended and len(out.data) < MOST and \
                out.name not in self.cut:
            events |= selectors.EVENT_READ
        if into.data and into.name not in self.cut:
            events |= selectors.EVENT_WRITE
        try:
            self.watch.unregister(sock)
        except KeyError:
            pass
        if events:
            self.watch.register(sock, events, "carry")

    def carry(self, sock, events):
        out, into = self.pairs[sock]
        try:
            if events & selectors.EVENT_READ:
                data = sock.recv(1 << 16)
                out.ended = not data
                out.data += data
                self.push(out)
            if events & selectors.EVENT_WRITE:
                self.push(into)
        except BlockingIOError:
            pass
        except OSError:
            self.close(sock)
            return
        if out.ended and not out.data:
            self.close(sock)
            return
        self.want(out.source)
        self.want(out.to)

    @staticmethod
    def push(way):
        if way.data:
            try:
                way.data = way.data[way.to.send(way.data):]
            except BlockingIOError:
                pass

    def close(self, sock):
        if sock not in self.pairs:
            return
        for one in sock, self.pairs[sock][0].to:
            del self.pairs[one]
            try:
                self.watch.unregister(one)
            except KeyError:
                pass
            one.close()


if __name__ == "__main__":
    Relay(*sys.argv[1:]).run()

"""What stands between a program and PostgreSQL: it passes on what both say,
until it is told to end a connection at a moment of a test's choice."""
import os
import selectors
import socket
import struct
import threading

FATAL = b"SFATAL\0VFATAL\0C57P01\0Mtest\0\0"
BIND, PARSE, READY, SYNC = b"B", b"P", b"Z", b"S"

# a moment, and what the program is told there
AFTER_COMMIT = {
    "without a word": (READY, b""),
    "as it shuts down": (READY, b"E" + struct.pack(
        ">i", 4 + len(FATAL)) + FATAL),
}
BEFORE_COMMIT = (SYNC, b"")


class Messages:
    """Cuts a stream of the protocol into its messages."""

    def __init__(self, starting=False):
        self.data = b""
        self.starting = starting    # the first one has no type

    def feed(self, data):
        self.data += data
        while True:
            head = 0 if self.starting else 1
            if len(self.data) < head + 4:
                return
            size, = struct.unpack_from(">i", self.data, head)
            if len(self.data) < head + size:
                return
            one, self.data = self.data[:head + size], self.data[head + size:]
            self.starting = False
            yield one


class Between:
    """A socket that looks like the server's. `strike` says what happens to
    the next pipelines that name a statement; `struck`, how often it did."""

    def __init__(self, stack):
        self.folder = stack.top / f"between{os.urandom(4).hex()}"
        self.folder.mkdir(0o711)
        self.conninfo = f"host={self.folder}"
        name = ".s.PGSQL.5432"
        host = dict(w.split("=", 1) for w in stack.admin().split())["host"]
        self.server = f"{host}/{name}"
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(self.folder / name))
        os.chmod(self.folder / name, 0o777)
        self.sock.listen(64)
        self.clients = []
        self.statement, self.times, self.struck = None, 0, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def strike(self, statement, how, times=1):
        self.moment, self.word = how
        self.statement, self.times, self.struck = statement, times, 0

    def cut(self):
        """Ends the connections that there are, without a word."""
        for client in self.clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass            # gone already
        self.clients.clear()

    def close(self):
        self.sock.close()

    def accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return          # closed
            self.clients.append(client)
            threading.Thread(target=self.carry, args=(client,),
                             daemon=True).start()

    def carry(self, client):
        """One connection, to its end."""
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.server)
        ways = {client: (Messages(starting=True), server),
                server: (Messages(), client)}
        watch = selectors.DefaultSelector()
        for sock in ways:
            watch.register(sock, selectors.EVENT_READ)
        self.named = False
        going = True
        while going:
            for key, _ in watch.select():
                messages, to = ways[key.fileobj]
                try:
                    data = key.fileobj.recv(1 << 16)
                    going = going and data != b"" and all(
                        self.passes(m, key.fileobj is client, client, to)
                        for m in messages.feed(data))
                except OSError:
                    going = False
        client.close()
        server.close()

    def names(self, kind, message):
        """Whether it binds the prepared statement, or brings one that has no
        name (a command's), which has such a text."""
        text = self.statement.encode()
        return kind == BIND and message[6:].startswith(text + b"\0") or \
            kind == PARSE and message[5] == 0 and text in message

    def passes(self, message, ours, client, to):
        """Passes one message on; False: here the connection ends."""
        kind = message[:1]
        if ours and self.times > 0 and self.names(kind, message):
            self.named = True
        if self.named and kind == self.moment and ours == (kind == SYNC):
            self.named = False
            self.times -= 1
            self.struck += 1
            client.sendall(self.word)
            return False
        to.sendall(message)
        return True

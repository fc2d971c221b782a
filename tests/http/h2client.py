"""A client of HTTP/2 that sends what it is told, valid or not."""
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (ConnectionTerminated, DataReceived, RemoteSettingsChanged,
                       ResponseReceived, StreamEnded, StreamReset)

from contract import Answer
from site_on_host import NAME, sober

__all__ = ["ErrorCodes", "Line2"]


class Line2:
    """One connection to port 443 of a site."""

    def __init__(self, site, source=None):
        context = site.context()
        context.set_alpn_protocols(["h2"])
        self.sock = site.connect(context=context, source=source)
        assert self.sock.selected_alpn_protocol() == "h2"
        self.conn = H2Connection(H2Configuration(
            validate_outbound_headers=False,
            normalize_outbound_headers=False))
        self.conn.initiate_connection()
        self.settings = {}
        self.requests = {}      # stream → method and path
        self.heads = {}
        self.bodies = {}
        self.ended = {}         # stream → Answer, or why it was reset
        self.gone = None        # why the server ended the connection
        self.flush()

    def flush(self):
        try:
            self.sock.sendall(self.conn.data_to_send())
        except OSError:
            pass                # what it said before tells why

    def send(self, method, path, headers=(), body=None, end=True, pseudo=None):
        """Begins a request; its stream. end=False leaves it open."""
        if pseudo is None:
            pseudo = [(":method", method), (":scheme", "https"),
                      (":authority", NAME), (":path", path)]
        stream = self.conn.get_next_available_stream_id()
        self.requests[stream] = method, path
        self.conn.send_headers(stream, [*pseudo, *headers],
                               end_stream=end and body is None)
        if body is not None:
            self.conn.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def fileno(self):
        return self.sock.fileno()

    def read(self):
        """Takes in what came; False at the end of the connection."""
        try:
            data = self.sock.recv(1 << 16)
        except OSError:
            return False
        if not data:
            return False
        for event in self.conn.receive_data(data):
            self.take(event)
        self.flush()
        return self.gone is None

    def take(self, event):
        if isinstance(event, RemoteSettingsChanged):
            self.settings.update({c: s.new_value for c, s in
                                  event.changed_settings.items()})
        elif isinstance(event, ResponseReceived):
            self.heads[event.stream_id] = event.headers
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id] = \
                self.bodies.get(event.stream_id, b"") + event.data
            self.conn.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.ended[event.stream_id] = self.answer(event.stream_id)
        elif isinstance(event, StreamReset):
            # after a whole answer it only says that the rest is not read
            self.ended.setdefault(event.stream_id,
                                  ErrorCodes(event.error_code))
        elif isinstance(event, ConnectionTerminated):
            self.gone = ErrorCodes(event.error_code)

    def answer(self, stream):
        pairs = [(_text(n), _text(v)) for n, v in self.heads[stream]]
        method, path = self.requests[stream]
        return sober(Answer(method, int(dict(pairs)[":status"]),
                            [p for p in pairs if p[0] != ":status"],
                            self.bodies.get(stream, b""), path))

    def outcome(self, stream):
        """The answer, or the code that ended the stream or connection."""
        while stream not in self.ended:
            if not self.read():
                return self.ended.get(stream, self.gone)
        return self.ended[stream]

    def close(self):
        self.sock.close()


def _text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value

"""What was asked of the hosts, when, and what came of it.

Nothing here knows how it was asked: judge.py is given such a history, whether
clients.py wrote it or a test.
"""
from dataclasses import dataclass, field

NEVER = float("inf")
READ_SCOPE, WRITE_SCOPE = "projects:read", "projects:write"


@dataclass(slots=True, eq=False)
class Op:
    """One request. An object is (kind, project, id); a state is a dict, or
    None where there is no such object."""
    kind: str                   # of OPERATIONS in clients.py
    project: str
    key: str = None             # the id of the key that it came with
    scope: str = None           # that the call needs
    begin: float = 0.0          # CLOCK_MONOTONIC
    end: float = NEVER          # of the answer's last byte; NEVER: none came
    wall: tuple = (0.0, NEVER)  # the same by the clock that the database has
    host: int = 0
    client: int = 0
    status: int = 0             # 0: no answer
    code: str = None            # of a refusal
    retryable: bool = False
    rid: str = None             # request id, which its audit row has, too
    writes: bool = False
    object: tuple = None        # that it writes; None: one that it makes
    change: dict = None         # what of it, None: it removes it
    needs: dict = None          # what its state must show for that
    group: str = None           # Idempotency-Key
    replayed: bool = False
    if_match: str = None
    etag: str = None
    digest: bytes = None        # of the body of an answer to be kept
    # what it showed: [(object, state or part of it, tag)], and of a whole
    # list of members how many active owners
    seen: list = field(default_factory=list)
    owners: int = None

    @property
    def done(self):
        return 200 <= self.status < 300

    @property
    def doubtful(self):
        """Whether it may have been done nobody was told."""
        return self.status == 0 or self.status >= 500 and not self.retryable

    def __str__(self):
        what = f"{self.status} {self.code or ''}" if self.status else "nothing"
        more = {n: v for n, v in (
            ("key", self.key), ("object", self.object and self.object[2]),
            ("change", self.change), ("if-match", self.if_match),
            ("etag", self.etag), ("once", self.group)) if v is not None}
        shown = "".join(f"\n\t\tshows {o[0]} {o[2]}: {s} {t or ''}"
                        for o, s, t in self.seen[:3])
        return (f"\t{self.begin:.6f} to {self.end:.6f}  host {self.host}  "
                f"client {self.client}  {self.kind} → {what}"
                f"{' (replayed)' if self.replayed else ''}  "
                f"{self.rid}\n\t\t{more}{shown}")


@dataclass(frozen=True)
class Row:
    """One of the audit log."""
    project: str
    number: int
    rid: str
    object_id: str
    at: float       # by the database's clock


@dataclass
class History:
    """One round: all requests since `initial` was read, and the rows that
    were there after the last one."""
    initial: dict               # object → state
    ops: list
    rows: list
    successors: dict = field(default_factory=dict)  # key → of its rotation
    # for how long after its answer a read may be ahead of others: 0, since
    # nothing is answered from anywhere but the database
    under_way: float = 0.0


@dataclass
class Violation:
    promise: str
    text: str
    ops: list       # the shortest history that shows it

    def __str__(self):
        ops = sorted({id(o): o for o in self.ops if o}.values(),
                     key=lambda o: o.begin)
        return "\n".join([f"{self.promise}: {self.text}", *map(str, ops)])

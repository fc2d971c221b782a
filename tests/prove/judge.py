"""The checker: a history against a model of what was promised.

The audit log says in which order the writes of a project took effect; their
states are made by replaying it. Each object by itself is then a register whose
every state is known, so intervals decide: what an answer shows must be one of
the states that were possible while it was under way. README.md says what is
not judged.
"""
import bisect
import heapq
from collections import defaultdict

from history import NEVER, Violation
from model import after, covers, key_says, shows

LAG = 0.005     # seconds between the clock's reading and its use
WINDOW = 60.0   # of a rate


class Step:
    """A state of an object, from the write that made it."""

    def __init__(self, state, op=None, answered=None):
        self.state, self.op = state, op
        self.begin = op.begin if op else -NEVER
        # the answer after which it, or a later one, must be seen
        self.end = answered.end if answered else NEVER if op else -NEVER
        self.wall = answered.wall[1] if answered else NEVER if op else -NEVER
        self.answered = answered


class Register:
    """One object: its states in their order."""

    def __init__(self, state):
        self.steps = [Step(state)]
        self.ends = None

    def freeze(self):
        self.ends, self.walls = (self.floors(name) for name in ("end", "wall"))

    def floors(self, name):
        """Moments of answers, and the last state that each of them or one
        before has acknowledged."""
        found, most = [], 0
        for moment, n in sorted((getattr(s, name), n)
                                for n, s in enumerate(self.steps)):
            most = max(most, n)
            found.append((moment, most))
        return found

    @staticmethod
    def floor(floors, moment):
        at = bisect.bisect_left(floors, (moment, -1))
        return floors[at - 1][1] if at else 0

    def first(self, begin):
        """The earliest state that a request may meet that begins then."""
        return self.floor(self.ends, begin)

    def first_at(self, wall):
        """The earliest one in which a write may be done then."""
        return self.floor(self.walls, wall)

    def possible(self, first, end):
        """States from there on whose writes began before then."""
        return [n for n in range(first, len(self.steps))
                if self.steps[n].begin < end]


class Judge:
    def __init__(self, history):
        self.history = history
        self.found = []
        self.by_rid = {o.rid: o for o in history.ops}
        self.groups = defaultdict(list)
        for op in history.ops:
            if op.group:
                self.groups[op.group].append(op)
        self.rows = defaultdict(list)
        for row in history.rows:
            self.rows[row.rid].append(row)
        self.objects = {o: Register(s) for o, s in history.initial.items()}
        self.step_of = {}       # (rid, object) → number of the state it made
        self.before = {}        # the same → of the one that it met
        self.tags = defaultdict(dict)   # object → tag → possible states

    def blame(self, promise, text, *ops):
        self.found.append(Violation(promise, text, list(ops)))

    def attempts(self, op):
        return self.groups[op.group] if op.group else [op]

    def answered(self, op):
        """The first answer that acknowledged what it did."""
        return min((o for o in self.attempts(op) if o.done),
                   key=lambda o: o.end, default=None)

    # ---- rows ----

    def count_rows(self):
        """Acknowledged: exactly one; refused: none; in doubt: one at most."""
        for row in self.history.rows:
            if row.rid not in self.by_rid:
                self.blame("rows", f"nobody has asked for {row}")
        for op in self.history.ops:
            count = len(self.rows[op.rid])
            if count > 1:
                self.blame("once", f"done {count} times", op)
            elif count and not op.done and not op.doubtful:
                self.blame("rows", "refused, and yet written", op)
            elif count and not op.writes:
                self.blame("rows", "a read has written", op)
            elif op.done and op.writes and not op.group and not count and \
                    not self.was_over(op):
                self.blame("lost", "acknowledged, and not written", op)
        for ops in self.groups.values():
            count = sum(len(self.rows[o.rid]) for o in ops)
            if count > 1:
                self.blame("once", f"retried, and done {count} times", *ops)
            elif not count and any(o.done for o in ops) and \
                    not any(map(self.was_over, ops)):
                self.blame("lost", "acknowledged, and not written", *ops)

    def was_over(self, op):
        """Revoking a revoked key writes nothing."""
        return op.kind == "key.revoke" and any(
            s.state and s.state["revoked"] and s.begin < op.end
            for s in self.objects[op.object].steps)

    def order(self):
        """Who was answered before another began is before it in the log."""
        projects = defaultdict(list)
        for row in self.history.rows:
            projects[row.project].append(row)
        for rows in projects.values():
            rows.sort(key=lambda r: -r.number)
            first, of = NEVER, None
            for row in rows:
                op = self.by_rid.get(row.rid)
                if not op:
                    continue
                if first < op.begin:
                    self.blame("order", "written before what was answered "
                               "before it began", of, op)
                answer = self.answered(op)
                if answer and answer.end < first:
                    first, of = answer.end, op

    # ---- states ----

    def replay(self):
        """The states that the log says there were."""
        for row in sorted(self.history.rows,
                          key=lambda r: (r.project, r.number)):
            op = self.by_rid.get(row.rid)
            if not op or not op.writes:
                continue
            thing = op.object or (op.kind.split(".")[0], op.project,
                                  row.object_id)
            change = op.change
            if op.kind == "settings.rollback":
                change = self.version(thing, change["back to"])
            self.step(thing, op, row, change)
            if op.kind == "key.rotate":
                old = self.objects[thing].steps[-2].state
                new = self.history.successors.get(thing[2])
                if new and old:
                    self.step(("key", op.project, new), op, row, old)
            if op.kind == "project.delete":
                for key in [o for o in self.objects
                            if o[:2] == ("key", op.project)]:
                    self.step(key, op, row, {"revoked": True})
            self.count_owners(thing, op)
        for register in self.objects.values():
            register.freeze()

    def version(self, settings, number):
        """What the settings were then; nothing, if that never was."""
        return next(({n: v for n, v in s.state.items() if n != "version"}
                     for s in self.objects[settings].steps
                     if s.state.get("version") == number), {})

    def step(self, thing, op, row, change):
        register = self.objects.setdefault(thing, Register(None))
        steps = register.steps
        step = Step(after(steps[-1].state, change, op, row), op,
                    self.answered(op))
        self.before[op.rid, thing] = len(steps) - 1
        if step.state != steps[-1].state:   # else its tag is the same, too
            steps.append(step)
        self.step_of[op.rid, thing] = len(steps) - 1
        if "version" in (steps[-1].state or {}):    # that stays what it is
            self.objects["version", thing[1], steps[-1].state["version"]] = \
                one = Register(None)
            one.steps.append(Step(steps[-1].state, op, self.answered(op)))

    def count_owners(self, thing, op):
        if thing[0] == "member" and not any(
                is_owner(r.steps[-1].state) for o, r in self.objects.items()
                if o[:2] == thing[:2]):
            self.blame("owners", "the last active owner is gone", op)

    # ---- what was shown ----

    def observations(self):
        seen = defaultdict(list)
        for op in self.history.ops:
            if op.owners == 0:
                self.blame("owners", "a list without an active owner", op)
            for thing, state, tag in op.seen:
                seen[thing].append((op, state, tag))
        for thing, shown in seen.items():
            if thing in self.objects:
                self.register(thing, shown)
            elif any(state is not None for _, state, _ in shown) and \
                    not self.may_be_made(thing):
                self.blame("reads", f"{thing} was never made",
                           next(o for o, s, _ in shown if s is not None))

    def may_be_made(self, thing):
        """A key whose rotation no answer told of, or of before the round."""
        return thing[0] == "key"

    def register(self, thing, shown):
        """Each answer shows a state that was possible; of what others saw
        earlier nobody sees less."""
        register, ahead, floor, by = self.objects[thing], [], 0, None
        for n, (op, state, tag) in sorted(
                enumerate(shown), key=lambda s: s[1][0].begin):
            while ahead and ahead[0][0] < op.begin:
                _, _, at, reader = heapq.heappop(ahead)
                if at > floor:
                    floor, by = at, reader
            first = max(floor, register.first(op.begin))
            found = self.matching(thing, op, state, tag, first)
            if not found:
                self.blame_read(thing, op, state, tag, first, by)
                continue
            heapq.heappush(ahead, (op.end + self.history.under_way, n,
                                   min(found), op))

    def made_by(self, thing, op):
        """The state that this write has made, or the one it repeats; None:
        it shows whatever there is."""
        if not op.writes:
            return None
        return next((self.step_of[o.rid, thing] for o in self.attempts(op)
                     if (o.rid, thing) in self.step_of), None)

    def matching(self, thing, op, state, tag, first):
        register, own = self.objects[thing], self.made_by(thing, op)
        if own is not None:
            found = {own}
        else:
            found = set(register.possible(first, op.end))
        found = {n for n in found if shows(register.steps[n].state, state)}
        if tag and found:
            found &= self.tags[thing].get(tag, found)
            if found:
                self.tags[thing][tag] = found
        return found

    def blame_read(self, thing, op, state, tag, first, by):
        steps = self.objects[thing].steps
        whose = [s.op for s in steps if s.op and shows(s.state, state)]
        known = self.tags[thing].get(tag)
        if known and not any(shows(steps[n].state, state) for n in known):
            text = f"the tag {tag} is that of another state"
        elif whose and whose[-1].begin >= op.end:
            text = "what had not yet been written"
        elif any(shows(s.state, state) for s in steps):
            text = "what was before an answer that it began after"
        else:
            text = "what never was"
        self.blame("reads", f"{thing[0]} {thing[2]} shows {text}: {state}",
                   *whose[-1:], steps[first].op, steps[first].answered, by, op)

    def one_state_one_tag(self):
        for thing, tags in self.tags.items():
            whose = {}
            for tag, states in tags.items():
                if len(states) == 1:
                    n, = states
                    if n in whose:
                        self.blame("tags", f"{thing} has had {tag} and "
                                   f"{whose[n]} in one state",
                                   self.objects[thing].steps[n].op)
                    whose[n] = tag

    # ---- If-Match ----

    def preconditions(self):
        """Met: by the state right before; not met: it was another one."""
        for op in self.history.ops:
            register = self.objects.get(op.object)
            if not op.if_match or not op.writes or not register:
                continue
            known = self.tags[op.object].get(op.if_match)
            n = self.before.get((op.rid, op.object))
            if n is not None and known and n not in known:
                self.blame("if-match", "another write was lost",
                           *(register.steps[m].op for m in sorted(known)),
                           register.steps[n].op, op)
            elif op.status == 412 and known and set(register.possible(
                    register.first(op.begin), op.end)) == known and \
                    len(known) == 1:
                self.blame("if-match", "refused, though it was the one", op)

    # ---- keys ----

    def uses(self):
        """No success by what was over before it began, and nobody is refused
        whose key was good all the time."""
        for op in self.history.ops:
            register = self.objects.get(("key", op.project, op.key))
            if not register or not 200 <= op.status < 500:
                continue
            first = register.first(op.begin)
            possible = register.possible(first, op.end)
            if any(key_says(register.steps[n].state, op) for n in possible):
                continue
            steps = [register.steps[n] for n in possible]
            what = "succeeded" if op.done else f"was told {op.code}"
            self.blame("keys", f"a request {what} that began when its key was "
                       f"{[s.state for s in steps]}",
                       *(o for s in steps for o in (s.op, s.answered)), op)

    def late_writes(self):
        """A write whose key was over when its row was written."""
        for row in self.history.rows:
            op = self.by_rid.get(row.rid)
            register = op and self.objects.get(("key", op.project, op.key))
            if not register:
                continue
            first = register.first_at(row.at - LAG)
            if not any(covers(s.state, op.scope)
                       for s in register.steps[first:]):
                over = register.steps[first]
                self.blame("keys", f"written {row.at - over.wall:.3f} s after "
                           "the answer that its key was over",
                           over.op, over.answered, op)

    def needs(self):
        """An invitation is accepted by its last token, once; 404 only of what
        is not there."""
        for op in self.history.ops:
            register = self.objects.get(op.object)
            if not register:
                continue
            n = self.before.get((op.rid, op.object))
            if op.needs and n is not None and \
                    not shows(register.steps[n].state, op.needs):
                self.blame("needs", f"done of {register.steps[n].state}, it "
                           f"needs {op.needs}", register.steps[n].op, op)
            elif op.status == 404 and all(
                    shows(register.steps[n].state, op.needs or {}) for n in
                    register.possible(register.first(op.begin), op.end)):
                self.blame("reads", "404 of what was there all the time", op)

    # ---- retries, rates ----

    def replays(self):
        for ops in self.groups.values():
            done = [o for o in ops if o.done]
            if len({(o.status, o.digest, o.etag) for o in done}) > 1:
                self.blame("replays", "two answers of one key", *done)
            if sum(not o.replayed for o in done) > 1 and \
                    any(self.rows[o.rid] for o in ops):
                self.blame("replays", "two first answers", *done)
            for op in ops:
                if op.code == "IDEMPOTENCY_MISMATCH":
                    self.blame("replays", "a retry is another request", *ops)

    def rates(self):
        """On each host no more in 60 s than its key has a rate."""
        let_in = defaultdict(list)
        for op in self.history.ops:
            register = self.objects.get(("key", op.project, op.key))
            rates = {s.state and s.state["rate"] for s in register.steps
                     } if register else {None}
            if len(rates) == 1 and None not in rates and \
                    op.code not in ("AUTH_INVALID", "FORBIDDEN") and \
                    200 <= op.status < 500 and op.status != 429:
                let_in[op.host, op.key, *rates].append(op)
        for (host, _, rate), ops in let_in.items():
            begins = sorted(o.begin for o in ops)
            ends = sorted(o.end for o in ops)
            for n, begin in enumerate(begins):
                count = bisect.bisect_right(ends, begin + WINDOW) - n
                if count > rate * 1.01:
                    self.blame("rates", f"{count} in a minute on host {host}, "
                               f"{rate} are allowed", *ops[:3])
                    break


def is_owner(state):
    return state and state["role"] == "owner" and state["status"] == "active"


def judge(history):
    """All that was promised and not kept: Violations, none if it was."""
    one = Judge(history)
    one.replay()
    one.count_rows()
    one.order()
    one.observations()
    one.one_state_one_tag()
    one.preconditions()
    one.uses()
    one.late_writes()
    one.needs()
    one.replays()
    one.rates()
    return one.found

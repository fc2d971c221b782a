"""A project's rows: taken, compared, put back; its sealed values opened."""
import base64
import ctypes
import ctypes.util
import json
import re
import struct
import time

SEALED = {"env_vars": "envVars", "deploy_env_vars": "deployEnvVars",
          "test_user_credentials": "testUserCredentials",
          "convex_deploy_key": "convexDeployKey",
          "convex_dev_key": "convexDevKey"}
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# what differs each time a thing is made
FRESH = re.compile(
    rf"{UUID}|\d{{4}}-\d\d-\d\dT[0-9:.+]+|\\\\x[0-9a-f]{{8,}}|"
    r"cc_(?:live|test|inv)_[0-9A-Za-z]{8,}|\b1[0-9]{12}\b|"
    r"\b[0-9]+-[0-9a-f]{8,16}\b")     # a tag


def plain(text, known):
    """A text without what differs each time, unless it was known before."""
    return FRESH.sub(lambda m: m[0] if m[0] in known else "new", text)


class Opener:
    """Opens what the worker has sealed, by the keyring's file."""

    def __init__(self, keyring):
        self.sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
        self.masters = {}
        with open(keyring) as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    name, _, key = line.split()
                    self.masters[name] = base64.b64decode(key)

    def open(self, key, parts, nonce, sealed):
        """The plain bytes; None: it does not open."""
        tied = b"".join(struct.pack(">I", len(p)) + p.encode()
                        for p in parts)
        if len(sealed) < 16:
            return None
        out = ctypes.create_string_buffer(len(sealed))
        length = ctypes.c_ulonglong()
        bad = self.sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, ctypes.byref(length), None, sealed,
            ctypes.c_ulonglong(len(sealed)), tied,
            ctypes.c_ulonglong(len(tied)), nonce, key)
        return None if bad else out.raw[:length.value]

    def data_key(self, row):
        data = bytes.fromhex(row["wrapped"][2:])
        return self.open(self.masters[row["master_key"]],
                         ["data-key", row["project_id"], row["id"],
                          row["master_key"]], data[1:25], data[25:])

    def value(self, keys, text, table, project, name):
        """A sealed column as a text that can be compared."""
        data = bytes.fromhex(text[2:])
        found = self.open(keys.get(data[1:17].hex(), b"\0" * 32),
                          ["value", table, project, name], data[17:41],
                          data[41:])
        return "DOES NOT OPEN" if found is None else found.decode()


class Rows:
    """The rows of one project in every table."""

    def __init__(self, session, project, keyring):
        self.session = session
        self.project = project
        self.opener = Opener(keyring)
        self.tables = {}
        lines = session.run(
            "select table_name, string_agg(column_name, ',') from "
            "information_schema.columns where table_schema = 'codecourier' "
            "and is_generated = 'NEVER' group by 1")
        for table, columns in (line.split("|") for line in lines):
            owner = "id" if table == "project" else "project_id"
            if owner in columns.split(","):
                self.tables[table] = columns, f"{owner} = '{project.id}'"
        assert "audit" in self.tables and len(self.tables) >= 8, self.tables
        # superuser's: no trigger and no foreign key is in the way
        session.run("set session_replication_role = replica; "
                    "set search_path = codecourier, pg_temp; "
                    "set client_min_messages = warning")
        self.query = " union all ".join(
            f"select '{t}' as t, to_jsonb(x) - 'last_used_at' as row "
            f"from {t} x where {own}"
            for t, (_, own) in self.tables.items())

    def save(self):
        """What put_back() brings back from now on."""
        for table, (columns, own) in self.tables.items():
            self.session.run(
                f"drop table if exists pg_temp.kept_{table}; create temp "
                f"table kept_{table} as select {columns} from {table} "
                f"where {own}")
        self.known, self.last = (), (None, None)
        self.known, self.last = set(FRESH.findall(self.read())), (None, None)

    def put_back(self):
        self.session.run("begin; " + "".join(
            f"delete from {t} where {own}; insert into {t} ({columns}) "
            f"select {columns} from kept_{t}; "
            for t, (columns, own) in self.tables.items()) + "commit")

    def forget_use(self):
        """The next request of each key notes its use again."""
        self.session.run("update api_key set last_used_at = null where "
                         f"project_id = '{self.project.id}'")

    def settle(self):
        """Waits until the worker's connection is one and idle: what an
        earlier one had sent is done or gone."""
        end = time.monotonic() + 10
        while (seen := self.session.run(
                "select count(*), bool_and(state = 'idle') from "
                "pg_stat_activity where application_name = 'faults'")) != \
                ["1|t"]:
            assert time.monotonic() < end, seen

    def read(self):
        """All rows as one text, equal when the rows mean the same."""
        (line,) = self.session.run(
            f"select jsonb_agg(x) from ({self.query}) x")
        if line != self.last[0]:
            self.last = line, self.meaning(line)
        return self.last[1]

    def meaning(self, line):
        rows = [(r["t"], r["row"]) for r in json.loads(line)]
        keys = {r["id"].replace("-", ""): self.opener.data_key(r)
                for t, r in rows if t == "data_key"}
        out = []
        for table, row in rows:
            for column, name in SEALED.items():
                if table == "settings" and row[column]:
                    row[column] = self.opener.value(
                        keys, row[column], table, self.project.id, name)
            if table == "provider_key":
                row["sealed"] = self.opener.value(
                    keys, row["sealed"], table, self.project.id,
                    row["provider"])
            for name in {"stamp", "word"} & set(row):
                row[name] = bool(row[name])     # another after each change
            if table == "replay_room":  # tags in answers are longer or shorter
                row["bytes"] = bool(row["bytes"])
            text = json.dumps(row, sort_keys=True)
            out.append(f"{table} {plain(text, self.known) if self.known else text}")
        return "\n".join(sorted(out))

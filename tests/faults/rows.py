"""A project's rows: taken, compared, put back; its sealed values opened."""
import json
import re
import time

from sealed import Opener

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

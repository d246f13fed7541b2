-- Version 1. A released migration is never edited: a test holds its hash.
-- All times are Unix milliseconds. JSON columns are opaque text, the engine owns their shape.

CREATE TABLE schema_history (
    version       INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL
) STRICT;

-- Snapshots are narrow, their payloads stand apart: comparing digests then never reads a payload's pages.
CREATE TABLE snapshots (
    no            INTEGER PRIMARY KEY,
    remote        TEXT NOT NULL CONSTRAINT snapshot_remote CHECK (remote IN ('service_now', 'ehr')),
    kind          TEXT NOT NULL CONSTRAINT snapshot_kind CHECK (kind IN ('patient', 'appointment', 'treatment')),
    key           TEXT NOT NULL CONSTRAINT snapshot_key CHECK (key <> ''),
    version       TEXT NOT NULL,
    digest        BLOB NOT NULL,
    presence      TEXT NOT NULL CONSTRAINT snapshot_presence CHECK (presence IN ('present', 'suspected', 'gone')),
    seen_run      TEXT NOT NULL,
    seen_at_ms    INTEGER NOT NULL,
    other_key     TEXT,
    chip          TEXT,
    changed_by    TEXT,
    changed_at_ms INTEGER,
    UNIQUE (remote, kind, key)
) STRICT;

CREATE TABLE payloads (
    snapshot INTEGER PRIMARY KEY REFERENCES snapshots (no) ON DELETE CASCADE,
    raw      TEXT NOT NULL,
    record   TEXT NOT NULL
) STRICT;

CREATE TABLE pairs (
    no             INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE CONSTRAINT pair_id CHECK (id <> ''),
    kind           TEXT NOT NULL CONSTRAINT pair_kind CHECK (kind IN ('patient', 'appointment', 'treatment')),
    servicenow_key TEXT,
    ehr_key        TEXT,
    status         TEXT NOT NULL CONSTRAINT pair_status
                   CHECK (status IN ('agreed', 'waiting', 'differs', 'only_servicenow', 'only_ehr')),
    base_digest    BLOB,
    -- Copies of the snapshots' digests, kept by the triggers below: the comparison of unchanged pairs reads this table
    -- from its beginning to its end and nothing else.
    servicenow_digest BLOB,
    ehr_digest     BLOB,
    name_sort      TEXT NOT NULL,
    CONSTRAINT pair_has_a_key CHECK (servicenow_key IS NOT NULL OR ehr_key IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX pairs_by_kind ON pairs (kind, id);
CREATE UNIQUE INDEX pairs_by_servicenow_key ON pairs (kind, servicenow_key) WHERE servicenow_key IS NOT NULL;
CREATE UNIQUE INDEX pairs_by_ehr_key ON pairs (kind, ehr_key) WHERE ehr_key IS NOT NULL;
CREATE INDEX pairs_by_status ON pairs (kind, status);

CREATE TRIGGER snapshot_digest_enters AFTER INSERT ON snapshots
BEGIN
    UPDATE pairs SET servicenow_digest = NEW.digest
    WHERE NEW.remote = 'service_now' AND kind = NEW.kind AND servicenow_key = NEW.key;
    UPDATE pairs SET ehr_digest = NEW.digest
    WHERE NEW.remote = 'ehr' AND kind = NEW.kind AND ehr_key = NEW.key;
END;
CREATE TRIGGER snapshot_digest_changes AFTER UPDATE OF digest ON snapshots
WHEN OLD.digest IS NOT NEW.digest
BEGIN
    UPDATE pairs SET servicenow_digest = NEW.digest
    WHERE NEW.remote = 'service_now' AND kind = NEW.kind AND servicenow_key = NEW.key;
    UPDATE pairs SET ehr_digest = NEW.digest
    WHERE NEW.remote = 'ehr' AND kind = NEW.kind AND ehr_key = NEW.key;
END;

CREATE TABLE pair_details (
    pair         INTEGER PRIMARY KEY REFERENCES pairs (no) ON DELETE CASCADE,
    linked_by    TEXT,
    linked_at_ms INTEGER,
    base         TEXT,
    differing    TEXT NOT NULL,
    agreed_at_ms INTEGER,
    name         TEXT NOT NULL,
    owner        TEXT NOT NULL,
    species      TEXT NOT NULL,
    breed        TEXT NOT NULL,
    phone        TEXT NOT NULL,
    email        TEXT NOT NULL,
    chip         TEXT NOT NULL,
    born         TEXT NOT NULL,
    also         TEXT NOT NULL,
    deceased     INTEGER NOT NULL CONSTRAINT pair_deceased CHECK (deceased IN (0, 1))
) STRICT;

-- Two ways to the same answer: a rare word goes through the full-text index and is sorted afterwards; a word that
-- most patients have is found by walking this table in the order of the list, which ends after one page.
CREATE TABLE patient_words (
    name_sort TEXT NOT NULL,
    pair      INTEGER NOT NULL REFERENCES pairs (no),
    status    TEXT NOT NULL,
    words     TEXT NOT NULL,
    PRIMARY KEY (name_sort, pair)
) STRICT, WITHOUT ROWID;
CREATE INDEX patient_words_by_status ON patient_words (status, name_sort, pair);
-- Holds all that sorting the matches of a rare word needs; and removing a pair finds its row for the foreign key.
CREATE UNIQUE INDEX patient_words_by_pair ON patient_words (pair, status);

CREATE VIRTUAL TABLE patient_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, prefix = '1 2 3', tokenize = 'ascii'
);

CREATE TABLE conflicts (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    pair             TEXT NOT NULL,
    cause            TEXT NOT NULL CONSTRAINT conflict_cause CHECK
                     (cause IN ('fields_differ', 'maybe_duplicate', 'not_stored', 'vanished', 'cannot_create')),
    grade            INTEGER NOT NULL CONSTRAINT conflict_grade CHECK (grade IN (3, 4)),
    state            TEXT NOT NULL CONSTRAINT conflict_state CHECK
                     (state IN ('open', 'awaiting_second', 'executing', 'closed')),
    fields           TEXT NOT NULL,
    fingerprint      TEXT NOT NULL,
    title            TEXT NOT NULL,
    owner            TEXT NOT NULL,
    species          TEXT NOT NULL,
    opened_at_ms     INTEGER NOT NULL,
    claimed_by       TEXT,
    snoozed_until_ms INTEGER,
    snooze_reason    TEXT,
    closed_at_ms     INTEGER,
    closed_by        TEXT,
    words            TEXT NOT NULL,
    draft            TEXT,
    comparison       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_unfinished_conflict_per_pair ON conflicts (pair) WHERE state <> 'closed';
CREATE INDEX conflicts_by_urgency
    ON conflicts (grade DESC, opened_at_ms, id, state, cause, snoozed_until_ms, pair, fields, words);

CREATE TABLE plans (
    id           TEXT PRIMARY KEY,
    pair         TEXT NOT NULL,
    conflict     TEXT REFERENCES conflicts (id),
    hash         TEXT NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL CONSTRAINT plan_state CHECK
                 (state IN ('draft', 'awaiting_second', 'approved', 'done', 'refused', 'superseded')),
    grade        INTEGER NOT NULL CONSTRAINT plan_grade CHECK (grade BETWEEN 0 AND 4),
    maker        TEXT NOT NULL,
    reason       TEXT,
    approver     TEXT,
    made_at_ms   INTEGER NOT NULL,
    closed_at_ms INTEGER,
    undoes       TEXT REFERENCES plans (id)
) STRICT;
CREATE INDEX plans_by_state ON plans (state, made_at_ms DESC, id DESC);
CREATE INDEX plans_by_time ON plans (made_at_ms DESC, id DESC);
CREATE INDEX plans_by_conflict ON plans (conflict) WHERE conflict IS NOT NULL;
CREATE INDEX plans_by_undone ON plans (undoes) WHERE undoes IS NOT NULL;

CREATE TRIGGER plan_is_frozen BEFORE UPDATE OF hash, body, pair ON plans
WHEN OLD.state <> 'draft' AND (OLD.hash IS NOT NEW.hash OR OLD.body IS NOT NEW.body OR OLD.pair IS NOT NEW.pair)
BEGIN SELECT RAISE (ABORT, 'a plan is frozen once it is no draft'); END;
CREATE TRIGGER plan_moves_forward BEFORE UPDATE OF state ON plans
WHEN OLD.state <> NEW.state AND (OLD.state IN ('done', 'refused', 'superseded')
    OR (OLD.state = 'approved' AND NEW.state IN ('draft', 'awaiting_second')))
BEGIN SELECT RAISE (ABORT, 'a plan only moves forward'); END;

CREATE TABLE operations (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    lane             TEXT NOT NULL,
    seq              INTEGER NOT NULL,
    plan             TEXT NOT NULL REFERENCES plans (id),
    remote           TEXT NOT NULL CONSTRAINT operation_remote CHECK (remote IN ('service_now', 'ehr')),
    kind             TEXT NOT NULL CONSTRAINT operation_kind CHECK (kind IN ('patient', 'appointment', 'treatment')),
    action           TEXT NOT NULL CONSTRAINT operation_action CHECK (action IN ('create', 'update')),
    key              TEXT,
    expected_version TEXT,
    idempotency_key  TEXT NOT NULL UNIQUE,
    body             TEXT NOT NULL,
    intent           TEXT NOT NULL,
    state            TEXT NOT NULL CONSTRAINT operation_state CHECK
                     (state IN ('waiting', 'running', 'retrying', 'parked', 'done', 'cancelled')),
    attempts         INTEGER NOT NULL CONSTRAINT operation_attempts CHECK (attempts >= 0),
    due_at_ms        INTEGER NOT NULL,
    enqueued_at_ms   INTEGER NOT NULL,
    finished_at_ms   INTEGER,
    errors           TEXT NOT NULL,
    UNIQUE (lane, seq),
    CONSTRAINT operation_finished CHECK ((state IN ('done', 'cancelled')) = (finished_at_ms IS NOT NULL)),
    CONSTRAINT operation_target CHECK (action = 'create' OR key IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX one_running_operation_per_lane ON operations (lane) WHERE state = 'running';
CREATE INDEX operations_unfinished ON operations (lane, seq) WHERE state IN ('waiting', 'running', 'retrying', 'parked');
CREATE INDEX operations_due ON operations (due_at_ms, no, lane, seq) WHERE state IN ('waiting', 'retrying');
CREATE INDEX operations_by_state ON operations (state, no);
CREATE INDEX operations_by_plan ON operations (plan);

CREATE TRIGGER operation_enters_waiting BEFORE INSERT ON operations
WHEN NEW.state <> 'waiting'
BEGIN SELECT RAISE (ABORT, 'an operation enters the outbox waiting'); END;
CREATE TRIGGER operation_moves BEFORE UPDATE OF state ON operations
WHEN NOT (
    (OLD.state IN ('waiting', 'retrying') AND NEW.state IN ('running', 'cancelled'))
    OR (OLD.state = 'running' AND NEW.state IN ('waiting', 'retrying', 'parked', 'done', 'cancelled'))
    OR (OLD.state = 'parked' AND NEW.state = 'cancelled'))
BEGIN SELECT RAISE (ABORT, 'an operation cannot move between these states'); END;
CREATE TRIGGER operation_is_frozen BEFORE UPDATE OF
    id, lane, seq, plan, remote, kind, action, expected_version, idempotency_key, body, intent, enqueued_at_ms ON operations
BEGIN SELECT RAISE (ABORT, 'what an operation sends is frozen'); END;
CREATE TRIGGER operation_stays BEFORE DELETE ON operations
BEGIN SELECT RAISE (ABORT, 'operations are never removed'); END;

CREATE TRIGGER pair_with_work_stays BEFORE DELETE ON pairs
WHEN EXISTS (SELECT 1 FROM operations
             WHERE lane = OLD.id AND state IN ('waiting', 'running', 'retrying', 'parked'))
BEGIN SELECT RAISE (ABORT, 'a pair with unfinished operations stays'); END;

CREATE TABLE receipts (
    operation      TEXT PRIMARY KEY REFERENCES operations (id),
    pair           TEXT NOT NULL,
    plan           TEXT NOT NULL REFERENCES plans (id),
    remote         TEXT NOT NULL CONSTRAINT receipt_remote CHECK (remote IN ('service_now', 'ehr')),
    request        TEXT NOT NULL,
    response       TEXT NOT NULL,
    read_back      TEXT NOT NULL,
    version_before TEXT,
    version_after  TEXT,
    at_ms          INTEGER NOT NULL,
    undone_by      TEXT REFERENCES plans (id)
) STRICT;
CREATE INDEX receipts_by_pair ON receipts (pair, at_ms DESC, operation DESC);
CREATE INDEX receipts_by_time ON receipts (at_ms DESC, operation DESC);
CREATE INDEX receipts_by_plan ON receipts (plan);
CREATE INDEX receipts_by_undoing ON receipts (undone_by) WHERE undone_by IS NOT NULL;

CREATE TRIGGER receipt_is_frozen BEFORE UPDATE OF
    operation, pair, plan, remote, request, response, read_back, version_before, version_after, at_ms ON receipts
BEGIN SELECT RAISE (ABORT, 'a receipt is never changed'); END;
CREATE TRIGGER receipt_undone_once BEFORE UPDATE OF undone_by ON receipts
WHEN OLD.undone_by IS NOT NULL
BEGIN SELECT RAISE (ABORT, 'a receipt is undone once'); END;
CREATE TRIGGER receipt_stays BEFORE DELETE ON receipts
BEGIN SELECT RAISE (ABORT, 'receipts are never removed'); END;

CREATE TABLE runs (
    id            TEXT PRIMARY KEY,
    started_by    TEXT NOT NULL,
    actor         TEXT,
    scope         TEXT NOT NULL,
    state         TEXT NOT NULL CONSTRAINT run_state CHECK (state IN ('running', 'done', 'stopped', 'failed')),
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    counts        TEXT NOT NULL,
    problem       TEXT
) STRICT;
CREATE INDEX runs_by_time ON runs (started_at_ms DESC, id DESC);

-- The lesser record is always `a`: two records have one row, whichever way they are asked about.
CREATE TABLE duplicates (
    a_remote    TEXT NOT NULL,
    a_kind      TEXT NOT NULL,
    a_key       TEXT NOT NULL,
    b_remote    TEXT NOT NULL,
    b_kind      TEXT NOT NULL,
    b_key       TEXT NOT NULL,
    evidence    TEXT NOT NULL,
    answer      TEXT CONSTRAINT duplicate_answer CHECK (answer IN ('same', 'different')),
    answered_by TEXT,
    reason      TEXT,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (a_remote, a_kind, a_key, b_remote, b_kind, b_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX duplicates_unanswered ON duplicates (at_ms) WHERE answer IS NULL;

CREATE TABLE quarantine (
    remote  TEXT NOT NULL CONSTRAINT quarantine_remote CHECK (remote IN ('service_now', 'ehr')),
    kind    TEXT NOT NULL CONSTRAINT quarantine_kind CHECK (kind IN ('patient', 'appointment', 'treatment')),
    key     TEXT NOT NULL,
    raw     TEXT NOT NULL,
    problem TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (remote, kind, key)
) STRICT;
CREATE INDEX quarantine_by_time ON quarantine (at_ms DESC);

-- Each entry carries SHA-256 (previous hash, canonical text of the entry).
CREATE TABLE audit (
    no       INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    at_ms    INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL CONSTRAINT audit_hash CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, no);

CREATE TRIGGER audit_is_a_chain BEFORE INSERT ON audit
WHEN NEW.no <> coalesce((SELECT max(no) FROM audit), 0) + 1
    OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY no DESC LIMIT 1), zeroblob(32))
BEGIN SELECT RAISE (ABORT, 'an audit entry follows the last one'); END;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit trail is never changed'); END;
CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit trail is never removed'); END;

CREATE TABLE small_values (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Rows as version 1 wrote them.
INSERT INTO schema_history VALUES (1, 'patients', 1790000000000);
INSERT INTO snapshots (no, remote, kind, key, version, digest, presence, seen_run, seen_at_ms, other_key, chip, changed_by, changed_at_ms)
VALUES (1, 'ehr', 'patient', 'ehr-p1', '1', x'6568722d70316568722d70316568722d', 'present', 'run-1', 1790000000000, 'other-ehr-p1', '985112004567890', 'front.desk', 1789999999999);
INSERT INTO payloads VALUES (1, '{"key":"ehr-p1","note":"Žofie ✓"}', '{"record":"ehr-p1"}');
INSERT INTO pairs (no, id, kind, servicenow_key, ehr_key, status, base_digest, servicenow_digest, ehr_digest, name_sort)
VALUES (1, 'p1', 'patient', 'sn-p1', 'ehr-p1', 'agreed', x'07070707070707070707070707070707', NULL, x'6568722d70316568722d70316568722d', 'zofie' || char(1) || 'ana adams');
INSERT INTO pair_details VALUES (1, 'cross_reference', 1790000000000, '{"base":1}', '', 1790000000000, 'Žofie', 'Ana Adams', 'dog', 'Beagle', '', '', '', '', '', 0);
INSERT INTO patient_words VALUES ('zofie' || char(1) || 'ana adams', 1, 'agreed', ' adams ana ehr ehrp1 p1 sn snp1 zofie');
INSERT INTO patient_search (rowid, words) VALUES (1, ' adams ana ehr ehrp1 p1 sn snp1 zofie');
INSERT INTO plans VALUES ('pl', 'p1', NULL, '00ff', '{"writes":[]}', 'draft', 3, 'ana', 'asked the owner', NULL, 1790000000000, NULL, NULL);
INSERT INTO operations VALUES (1, 'o1', 'p1', 1, 'pl', 'ehr', 'patient', 'update', 'ehr-p1', 'W/"1"', 'once-o1', '{"resourceType":"Bundle"}', '{"breed":"Beagle"}', 'waiting', 0, 1790000000000, 1790000000000, NULL, '[]');
INSERT INTO audit VALUES (1, 'a1', 1790000000000, 'ana', 'plan.approved', 'p1', '{"fields":["breed"]}', zeroblob(32), x'fd4cc5f5da31a6c626ceb90cb3cb6ccea71ca7c9e07542247946f9f6bd890327');
PRAGMA application_id = 1448302926;
PRAGMA user_version = 1;

-- Version 2: what people do with the outbox, and incidents. A released migration is never edited.

-- How often it was claimed. Grows with every claim and never shrinks, unlike `attempts`, which a remote that only asks
-- to wait gives back: whoever finishes an operation says which claim it was, so a late finisher of an older claim loses.
ALTER TABLE operations ADD COLUMN claims INTEGER NOT NULL DEFAULT 0
    CONSTRAINT operation_claims CHECK (claims >= 0);
-- Why its last attempt failed: remote, kind of error and fields, never a value. Alike failures have the same cause.
ALTER TABLE operations ADD COLUMN cause TEXT CONSTRAINT operation_cause CHECK (cause <> '');
-- The operation of the same lane that a person replaced by this one.
ALTER TABLE operations ADD COLUMN replaces TEXT REFERENCES operations (id);
-- When a person last sent it on its way again, unchanged.
ALTER TABLE operations ADD COLUMN released_at_ms INTEGER;

CREATE UNIQUE INDEX operations_by_replaced ON operations (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX operations_by_cause ON operations (cause, no)
    WHERE cause IS NOT NULL AND state IN ('waiting', 'running', 'retrying', 'parked');
-- A remote that may not be asked now is skipped as a whole, however much waits for it.
CREATE INDEX operations_due_by_remote ON operations (remote, due_at_ms, no, lane, seq)
    WHERE state IN ('waiting', 'retrying');
DROP INDEX operations_due;

DROP TRIGGER operation_moves;
CREATE TRIGGER operation_moves BEFORE UPDATE OF state ON operations
WHEN NOT (
    (OLD.state IN ('waiting', 'retrying') AND NEW.state IN ('running', 'cancelled'))
    OR (OLD.state = NEW.state AND NEW.state IN ('waiting', 'retrying'))
    OR (OLD.state = 'running' AND NEW.state IN ('waiting', 'retrying', 'parked', 'done', 'cancelled'))
    OR (OLD.state = 'parked' AND NEW.state = 'cancelled')
    -- A parked operation waits again only because a person said so.
    OR (OLD.state = 'parked' AND NEW.state = 'waiting' AND NEW.released_at_ms IS NOT NULL
        AND NEW.released_at_ms IS NOT OLD.released_at_ms))
BEGIN SELECT RAISE (ABORT, 'an operation cannot move between these states'); END;

CREATE TRIGGER operation_claim_is_numbered BEFORE UPDATE OF state ON operations
WHEN NEW.state = 'running' AND NEW.claims <> OLD.claims + 1
BEGIN SELECT RAISE (ABORT, 'every claim of an operation has its own number'); END;
CREATE TRIGGER operation_claims_grow BEFORE UPDATE OF claims ON operations
WHEN NEW.claims <> OLD.claims AND (NEW.state <> 'running' OR NEW.claims < OLD.claims)
BEGIN SELECT RAISE (ABORT, 'claims are counted when an operation is claimed'); END;

DROP TRIGGER operation_is_frozen;
CREATE TRIGGER operation_is_frozen BEFORE UPDATE OF
    id, lane, seq, plan, remote, kind, action, expected_version, idempotency_key, body, intent, enqueued_at_ms,
    replaces ON operations
BEGIN SELECT RAISE (ABORT, 'what an operation sends is frozen'); END;

-- Edited and resent: the old one is called off first, and nothing of another plan stands between the two.
CREATE TRIGGER operation_replaces_a_cancelled_one BEFORE INSERT ON operations
WHEN NEW.replaces IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM operations WHERE id = NEW.replaces AND lane = NEW.lane AND state = 'cancelled')
BEGIN SELECT RAISE (ABORT, 'a replacement follows a cancelled operation of its own lane'); END;
CREATE TRIGGER operation_replaces_in_order BEFORE INSERT ON operations
WHEN NEW.replaces IS NOT NULL AND EXISTS
    (SELECT 1 FROM operations WHERE lane = NEW.lane AND plan <> NEW.plan
     AND state IN ('waiting', 'running', 'retrying', 'parked'))
BEGIN SELECT RAISE (ABORT, 'a replacement keeps the order of its lane'); END;

-- An alert that opens once, is updated, and closes once.
CREATE TABLE incidents (
    no                 INTEGER PRIMARY KEY,
    id                 TEXT NOT NULL UNIQUE,
    kind               TEXT NOT NULL CONSTRAINT incident_kind CHECK (kind <> ''),
    -- What it is about: a remote, or whatever else can fail.
    subject            TEXT NOT NULL CONSTRAINT incident_subject CHECK (subject <> ''),
    cause              TEXT NOT NULL,
    state              TEXT NOT NULL CONSTRAINT incident_state CHECK (state IN ('open', 'closed')),
    times              INTEGER NOT NULL CONSTRAINT incident_times CHECK (times >= 1),
    first_seen_at_ms   INTEGER NOT NULL,
    last_seen_at_ms    INTEGER NOT NULL,
    closed_at_ms       INTEGER,
    acknowledged_by    TEXT,
    acknowledged_at_ms INTEGER,
    CONSTRAINT incident_closed CHECK ((state = 'closed') = (closed_at_ms IS NOT NULL)),
    CONSTRAINT incident_acknowledged CHECK ((acknowledged_by IS NULL) = (acknowledged_at_ms IS NULL)),
    CONSTRAINT incident_order CHECK (last_seen_at_ms >= first_seen_at_ms)
) STRICT;
CREATE UNIQUE INDEX one_open_incident ON incidents (kind, subject) WHERE state = 'open';
CREATE INDEX incidents_by_time ON incidents (state, last_seen_at_ms DESC, no DESC);

CREATE TRIGGER incident_opens_open BEFORE INSERT ON incidents
WHEN NEW.state <> 'open'
BEGIN SELECT RAISE (ABORT, 'an incident begins open'); END;
CREATE TRIGGER incident_closes_once BEFORE UPDATE ON incidents
WHEN OLD.state = 'closed' AND (NEW.state <> 'closed' OR NEW.times <> OLD.times OR NEW.cause IS NOT OLD.cause
    OR NEW.closed_at_ms IS NOT OLD.closed_at_ms OR NEW.last_seen_at_ms <> OLD.last_seen_at_ms)
BEGIN SELECT RAISE (ABORT, 'an incident closes once'); END;
CREATE TRIGGER incident_is_acknowledged_once BEFORE UPDATE OF acknowledged_by, acknowledged_at_ms ON incidents
WHEN OLD.acknowledged_by IS NOT NULL AND (NEW.acknowledged_by IS NOT OLD.acknowledged_by
    OR NEW.acknowledged_at_ms IS NOT OLD.acknowledged_at_ms)
BEGIN SELECT RAISE (ABORT, 'an incident is acknowledged once'); END;
CREATE TRIGGER incident_is_what_it_is BEFORE UPDATE OF id, kind, subject, first_seen_at_ms ON incidents
BEGIN SELECT RAISE (ABORT, 'an incident keeps its kind and subject'); END;
CREATE TRIGGER incident_stays BEFORE DELETE ON incidents
BEGIN SELECT RAISE (ABORT, 'incidents are never removed'); END;

-- Version 3. A released migration is never edited: a test holds its hash.

-- What the remotes tell us by themselves, stored before it is acknowledged. An event only says which record to look at.
CREATE TABLE inbox (
    no             INTEGER PRIMARY KEY,
    -- Where it stands in the original order: its own number, or that of the event it replaces.
    turn           INTEGER NOT NULL,
    id             TEXT NOT NULL UNIQUE CONSTRAINT event_id CHECK (id <> ''),
    remote         TEXT NOT NULL CONSTRAINT event_remote CHECK (remote IN ('service_now', 'ehr')),
    -- The sender's id of the message, the same however often it is sent.
    message        TEXT NOT NULL CONSTRAINT event_message CHECK (message <> ''),
    kind           TEXT CONSTRAINT event_kind CHECK (kind IN ('patient', 'appointment', 'treatment')),
    key            TEXT CONSTRAINT event_key CHECK (key <> ''),
    action         TEXT NOT NULL CONSTRAINT event_action
                   CHECK (action IN ('created', 'updated', 'deleted', 'unknown')),
    version        TEXT,
    raw            TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    state          TEXT NOT NULL CONSTRAINT event_state
                   CHECK (state IN ('accepted', 'running', 'done', 'quarantined', 'dismissed')),
    attempts       INTEGER NOT NULL CONSTRAINT event_attempts CHECK (attempts >= 0),
    due_at_ms      INTEGER NOT NULL,
    finished_at_ms INTEGER,
    -- What came of it, one word of the engine's.
    outcome        TEXT NOT NULL,
    replaces       TEXT REFERENCES inbox (id),
    CONSTRAINT event_finished CHECK ((state IN ('done', 'dismissed')) = (finished_at_ms IS NOT NULL)),
    CONSTRAINT event_points_somewhere
        CHECK (state IN ('quarantined', 'dismissed') OR (kind IS NOT NULL AND key IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX inbox_by_message ON inbox (remote, message);
CREATE INDEX inbox_unfinished ON inbox (turn, no) WHERE state = 'accepted';
CREATE INDEX inbox_by_record ON inbox (remote, kind, key, turn, no) WHERE state IN ('accepted', 'running');
CREATE INDEX inbox_by_state ON inbox (state, turn, no);
CREATE INDEX inbox_finished ON inbox (finished_at_ms) WHERE finished_at_ms IS NOT NULL;
CREATE INDEX inbox_by_original ON inbox (replaces) WHERE replaces IS NOT NULL;

CREATE TRIGGER event_enters BEFORE INSERT ON inbox
WHEN NEW.state NOT IN ('accepted', 'quarantined')
BEGIN SELECT RAISE (ABORT, 'an event enters the inbox accepted or quarantined'); END;
CREATE TRIGGER event_moves BEFORE UPDATE OF state ON inbox
WHEN OLD.state <> NEW.state AND NOT (
    (OLD.state = 'accepted' AND NEW.state = 'running')
    OR (OLD.state = 'running' AND NEW.state IN ('accepted', 'done', 'quarantined'))
    OR (OLD.state = 'quarantined' AND NEW.state IN ('accepted', 'dismissed')))
BEGIN SELECT RAISE (ABORT, 'an event cannot move between these states'); END;
-- What it points to may be read anew from the same text; the text itself never changes.
CREATE TRIGGER event_is_frozen BEFORE UPDATE OF
    no, turn, id, remote, message, raw, received_at_ms, replaces ON inbox
BEGIN SELECT RAISE (ABORT, 'an event is never changed'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON inbox
WHEN OLD.state NOT IN ('done', 'dismissed')
BEGIN SELECT RAISE (ABORT, 'an event stays until it is finished'); END;

-- What could not be read, with its raw text: events, and records as a remote showed them.
CREATE TABLE quarantined (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE CONSTRAINT quarantined_id CHECK (id <> ''),
    remote           TEXT NOT NULL CONSTRAINT quarantined_remote CHECK (remote IN ('service_now', 'ehr')),
    kind             TEXT CONSTRAINT quarantined_kind CHECK (kind IN ('patient', 'appointment', 'treatment')),
    -- The record's key, if one could be read.
    key              TEXT CONSTRAINT quarantined_key CHECK (key <> ''),
    -- The event, if it is one.
    event            TEXT REFERENCES inbox (id),
    raw              TEXT NOT NULL,
    problem          TEXT NOT NULL,
    -- Normalised: the field and the class of problem, for all that failed alike.
    field            TEXT NOT NULL,
    class            TEXT NOT NULL,
    first_seen_at_ms INTEGER NOT NULL,
    last_seen_at_ms  INTEGER NOT NULL,
    times            INTEGER NOT NULL CONSTRAINT quarantined_times CHECK (times >= 1),
    state            TEXT NOT NULL CONSTRAINT quarantined_state
                     CHECK (state IN ('open', 'resolved', 'superseded', 'replayed', 'dismissed')),
    closed_at_ms     INTEGER,
    closed_by        TEXT,
    reason           TEXT,
    replaces         TEXT REFERENCES quarantined (id),
    edited_by        TEXT,
    CONSTRAINT quarantined_closed CHECK ((state = 'open') = (closed_at_ms IS NULL)),
    CONSTRAINT quarantined_edit CHECK ((replaces IS NULL) = (edited_by IS NULL)),
    CONSTRAINT quarantined_record CHECK (event IS NOT NULL OR kind IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX quarantined_by_event ON quarantined (event) WHERE event IS NOT NULL;
CREATE UNIQUE INDEX one_open_entry_per_record ON quarantined (remote, kind, key)
    WHERE event IS NULL AND key IS NOT NULL AND state = 'open';
CREATE INDEX quarantined_by_time ON quarantined (last_seen_at_ms DESC, no DESC);
CREATE INDEX quarantined_by_state ON quarantined (state, last_seen_at_ms DESC, no DESC);
CREATE INDEX quarantined_open_by_cause ON quarantined (remote, kind, field, class, no) WHERE state = 'open';
CREATE INDEX quarantined_by_original ON quarantined (replaces) WHERE replaces IS NOT NULL;

CREATE TRIGGER quarantined_is_frozen BEFORE UPDATE OF
    no, id, remote, event, raw, first_seen_at_ms, replaces, edited_by ON quarantined
BEGIN SELECT RAISE (ABORT, 'what was quarantined is never changed'); END;
CREATE TRIGGER quarantined_stays BEFORE DELETE ON quarantined
BEGIN SELECT RAISE (ABORT, 'what was quarantined is never removed'); END;

INSERT INTO quarantined (id, remote, kind, key, raw, problem, field, class, first_seen_at_ms, last_seen_at_ms, times,
    state)
SELECT 'quarantined-' || remote || '-' || kind || '-' || key, remote, kind, key, raw, problem, '', 'unreadable', at_ms,
    at_ms, 1, 'open'
FROM quarantine ORDER BY at_ms, remote, kind, key;
DROP TABLE quarantine;

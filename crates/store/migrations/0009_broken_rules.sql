-- Version 9: questions about rules that a record breaks although both systems agree on it. A released migration is never
-- edited. A CHECK cannot be changed in place: the table is built anew with every row and number.

CREATE TABLE conflicts_anew (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    pair             TEXT NOT NULL,
    cause            TEXT NOT NULL CONSTRAINT conflict_cause CHECK
                     (cause IN ('fields_differ', 'maybe_duplicate', 'not_stored', 'vanished', 'cannot_create',
                     'overwritten', 'rule_broken')),
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

INSERT INTO conflicts_anew SELECT * FROM conflicts;
DROP TABLE conflicts;
ALTER TABLE conflicts_anew RENAME TO conflicts;
CREATE UNIQUE INDEX one_unfinished_conflict_per_pair ON conflicts (pair) WHERE state <> 'closed';
CREATE INDEX conflicts_by_urgency
    ON conflicts (grade DESC, opened_at_ms, id, state, cause, snoozed_until_ms, pair, fields, words);

-- What was written of appointments lately is told to people: without this, each look would go through all receipts.
CREATE INDEX operations_of_visits ON operations (finished_at_ms, id) WHERE kind = 'appointment' AND state = 'done';

-- Version 5: plans that are approved while a remote is held back, and writes that overtook a colleague's. A released
-- migration is never edited. A CHECK cannot be changed in place: both tables are built anew with every row and number.

CREATE TABLE conflicts_anew (
    no               INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    pair             TEXT NOT NULL,
    cause            TEXT NOT NULL CONSTRAINT conflict_cause CHECK
                     (cause IN ('fields_differ', 'maybe_duplicate', 'not_stored', 'vanished', 'cannot_create',
                     'overwritten')),
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

CREATE TABLE plans_anew (
    id           TEXT PRIMARY KEY,
    pair         TEXT NOT NULL,
    conflict     TEXT REFERENCES conflicts (id),
    hash         TEXT NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL CONSTRAINT plan_state CHECK
                 (state IN ('draft', 'awaiting_second', 'awaiting_check', 'approved', 'done', 'refused', 'superseded')),
    grade        INTEGER NOT NULL CONSTRAINT plan_grade CHECK (grade BETWEEN 0 AND 4),
    maker        TEXT NOT NULL,
    reason       TEXT,
    approver     TEXT,
    made_at_ms   INTEGER NOT NULL,
    closed_at_ms INTEGER,
    undoes       TEXT REFERENCES plans (id)
) STRICT;

INSERT INTO plans_anew SELECT * FROM plans;
DROP TABLE plans;
ALTER TABLE plans_anew RENAME TO plans;
CREATE INDEX plans_by_state ON plans (state, made_at_ms DESC, id DESC);
CREATE INDEX plans_by_time ON plans (made_at_ms DESC, id DESC);
CREATE INDEX plans_by_conflict ON plans (conflict) WHERE conflict IS NOT NULL;
CREATE INDEX plans_by_undone ON plans (undoes) WHERE undoes IS NOT NULL;

CREATE TRIGGER plan_is_frozen BEFORE UPDATE OF hash, body, pair ON plans
WHEN OLD.state <> 'draft' AND (OLD.hash IS NOT NEW.hash OR OLD.body IS NOT NEW.body OR OLD.pair IS NOT NEW.pair)
BEGIN SELECT RAISE (ABORT, 'a plan is frozen once it is no draft'); END;
CREATE TRIGGER plan_moves_forward BEFORE UPDATE OF state ON plans
WHEN OLD.state <> NEW.state AND (OLD.state IN ('done', 'refused', 'superseded')
    OR (OLD.state = 'approved' AND NEW.state IN ('draft', 'awaiting_second', 'awaiting_check'))
    OR (OLD.state = 'awaiting_check' AND NEW.state NOT IN ('approved', 'refused', 'superseded')))
BEGIN SELECT RAISE (ABORT, 'a plan only moves forward'); END;

-- Approved, and not yet compared with what both remotes say now. A patient has one such plan: what is decided once is
-- not decided again before it was carried out or taken back.
CREATE UNIQUE INDEX one_plan_awaiting_its_check_per_pair ON plans (pair) WHERE state = 'awaiting_check';

DROP TRIGGER pair_with_work_stays;
CREATE TRIGGER pair_with_work_stays BEFORE DELETE ON pairs
WHEN EXISTS (SELECT 1 FROM operations
             WHERE lane = OLD.id AND state IN ('waiting', 'running', 'retrying', 'parked'))
    OR EXISTS (SELECT 1 FROM plans WHERE pair = OLD.id AND state = 'awaiting_check')
BEGIN SELECT RAISE (ABORT, 'a pair with unfinished operations stays'); END;

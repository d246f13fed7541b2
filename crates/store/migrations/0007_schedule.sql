-- Version 7. A released migration is never edited.

-- What the schedule owed and what became of it: a local date of the daily reconciliation, or a moment of the batch schedule.
-- A slot is there once, whoever comes first: that is what makes a date run once, in however many processes it falls due.
CREATE TABLE scheduled_slots (
    schedule       TEXT NOT NULL CONSTRAINT slot_schedule CHECK (schedule IN ('reconciliation', 'batch')),
    -- Reconciliation: the hospital's local date, YYYY-MM-DD. Batch: the moment in UTC, YYYY-MM-DD HH:MM:SS.
    slot           TEXT NOT NULL CONSTRAINT slot_name CHECK (
        slot GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
        OR slot GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]'),
    state          TEXT NOT NULL CONSTRAINT slot_state CHECK (state IN ('running', 'failed', 'done')),
    run            TEXT NOT NULL REFERENCES runs (id),
    attempts       INTEGER NOT NULL CONSTRAINT slot_attempts CHECK (attempts >= 1),
    -- Earlier slots that nobody was awake for, and that this one makes up for.
    missed         INTEGER NOT NULL CONSTRAINT slot_missed CHECK (missed >= 0),
    claimed_at_ms  INTEGER NOT NULL,
    -- Until then it belongs to the process that renews it; after that another one may take it over.
    lease_until_ms INTEGER NOT NULL,
    -- Of a failed one: when it is tried again.
    due_at_ms      INTEGER NOT NULL,
    finished_at_ms INTEGER,
    PRIMARY KEY (schedule, slot),
    CONSTRAINT slot_date CHECK ((schedule = 'reconciliation') = (length(slot) = 10)),
    CONSTRAINT slot_finished CHECK ((state = 'running') = (finished_at_ms IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX slots_by_run ON scheduled_slots (run);

CREATE TRIGGER slot_enters BEFORE INSERT ON scheduled_slots
WHEN NEW.state <> 'running'
BEGIN SELECT RAISE (ABORT, 'a slot enters with the run that it starts'); END;
CREATE TRIGGER slot_is_done_once BEFORE UPDATE ON scheduled_slots
WHEN OLD.state = 'done'
BEGIN SELECT RAISE (ABORT, 'a slot that is done stays done'); END;
CREATE TRIGGER slot_stays BEFORE DELETE ON scheduled_slots
BEGIN SELECT RAISE (ABORT, 'a slot is never removed'); END;

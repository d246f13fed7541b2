-- Version 11. A released migration is never edited.

-- What a report says of a run beside its counts, as it was when the run ended. Written once; whatever happens to what it
-- tells of, it stays.
CREATE TABLE run_reports (
    run        TEXT PRIMARY KEY REFERENCES runs (id),
    made_at_ms INTEGER NOT NULL,
    facts      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER run_report_is_never_changed BEFORE UPDATE ON run_reports
BEGIN SELECT RAISE (ABORT, 'the report of a run is never changed'); END;
CREATE TRIGGER run_report_is_never_removed BEFORE DELETE ON run_reports
BEGIN SELECT RAISE (ABORT, 'the report of a run is never removed'); END;

-- Who answered what and when; plans of rules have nobody who approved them and are not in it.
CREATE INDEX plans_answered ON plans (closed_at_ms, approver, state) WHERE approver IS NOT NULL;

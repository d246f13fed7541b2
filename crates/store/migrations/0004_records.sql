-- Version 4. A released migration is never edited.
-- Typed records stand apart from the raw payloads: a comparison by values reads records only. Those of one remote stand
-- together: pairs are read in the order of one remote, and the pages of the other then stay in the cache.
CREATE TABLE records (
    remote   TEXT NOT NULL,
    snapshot INTEGER NOT NULL REFERENCES snapshots (no) ON DELETE CASCADE,
    record   TEXT NOT NULL,
    PRIMARY KEY (remote, snapshot)
) STRICT, WITHOUT ROWID;
INSERT INTO records (remote, snapshot, record)
SELECT s.remote, s.no, p.record FROM snapshots s CROSS JOIN payloads p ON p.snapshot = s.no ORDER BY s.remote, s.no;
ALTER TABLE payloads DROP COLUMN record;
-- For the foreign key when a snapshot is removed.
CREATE INDEX records_by_snapshot ON records (snapshot);

-- The numbers of a pair's snapshots, kept by the triggers beside their digests: no index over keys is walked.
ALTER TABLE pairs ADD COLUMN servicenow_snapshot INTEGER;
ALTER TABLE pairs ADD COLUMN ehr_snapshot INTEGER;
UPDATE pairs SET
    servicenow_snapshot = (SELECT s.no FROM snapshots s
                           WHERE s.remote = 'service_now' AND s.kind = pairs.kind AND s.key = pairs.servicenow_key),
    ehr_snapshot = (SELECT e.no FROM snapshots e
                    WHERE e.remote = 'ehr' AND e.kind = pairs.kind AND e.key = pairs.ehr_key);
DROP TRIGGER snapshot_digest_enters;
CREATE TRIGGER snapshot_digest_enters AFTER INSERT ON snapshots
BEGIN
    UPDATE pairs SET servicenow_digest = NEW.digest, servicenow_snapshot = NEW.no
    WHERE NEW.remote = 'service_now' AND kind = NEW.kind AND servicenow_key = NEW.key;
    UPDATE pairs SET ehr_digest = NEW.digest, ehr_snapshot = NEW.no
    WHERE NEW.remote = 'ehr' AND kind = NEW.kind AND ehr_key = NEW.key;
END;

-- Nearly empty, so that asking whether a record is gone costs nothing.
CREATE INDEX snapshots_gone ON snapshots (no) WHERE presence = 'gone';

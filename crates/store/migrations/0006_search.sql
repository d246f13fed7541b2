-- Version 6. A released migration is never edited.
-- Whenever a patient's words change, the old ones stay behind in the full-text index, marked as removed, until their
-- segment is merged. By default that is done when a tenth of a segment is removed, so that a queue of changes merges the
-- words of the whole clinic again and again. From half on it is a fifth of that work, and a search reads twice as much at
-- most.
INSERT INTO patient_search (patient_search, rank) VALUES ('deletemerge', 50);

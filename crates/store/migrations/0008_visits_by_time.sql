-- Version 8. A released migration is never edited.

-- A calendar asks for what begins between two moments. Of a patient `born` holds a date, of a visit the moment it begins
-- (`2026-10-05 14:30:00`): only those are in this index, so that patients pay nothing for it.
CREATE INDEX visits_by_time ON pair_details (born, pair) WHERE length(born) = 19;

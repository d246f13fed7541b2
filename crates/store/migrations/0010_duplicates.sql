-- Version 10. A released migration is never edited.

-- Digests of the key facts an answer rests on, when somebody answered; where they have changed, it is asked again.
ALTER TABLE duplicates ADD COLUMN facts TEXT;
-- Put off until then.
ALTER TABLE duplicates ADD COLUMN later_until_ms INTEGER;
-- The answer before this question, where it was asked again, and what had changed.
ALTER TABLE duplicates ADD COLUMN earlier TEXT;

-- Everything known of one record, whichever of the two it is; and what was answered.
CREATE INDEX duplicates_of_the_other ON duplicates (b_remote, b_kind, b_key);
CREATE INDEX duplicates_answered ON duplicates (at_ms) WHERE answer IS NOT NULL;

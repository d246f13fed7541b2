//! Business rules over whole records, with the way out in words.

//! Species, breeds, sex terms and units: the vocabulary tables and their look-ups.

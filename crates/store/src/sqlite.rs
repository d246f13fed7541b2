//! SQLite, encrypted by SQLCipher.

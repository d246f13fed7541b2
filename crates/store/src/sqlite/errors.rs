//! `SQLite` result codes as errors of ours (<https://www.sqlite.org/rescode.html>).

use crate::StoreError;

/// What a driver error means before the first page was read: SQLCipher cannot tell a wrong key from a file that is no
/// database of ours.
pub(super) fn typed_opening(error: &sqlx::Error) -> StoreError {
    let is_unreadable = matches!(error, sqlx::Error::Database(database)
        if database.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == NOT_A_DATABASE));
    if is_unreadable { StoreError::WrongKey } else { typed(error) }
}

/// `SQLITE_NOTADB`: what SQLCipher says where a page's authentication code does not fit it.
const NOT_A_DATABASE: i32 = 26;

/// What a driver error means. Texts hold rule names and codes, never values.
pub(super) fn typed(error: &sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = error else {
        return StoreError::Other(match error {
            sqlx::Error::PoolTimedOut => "every reading connection is busy: try again".to_owned(),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => "the store is closed".to_owned(),
            sqlx::Error::Io(io) => format!("the disk reports: {}", io.kind()),
            other => other.to_string(),
        });
    };
    let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
    from_code(code, database.message())
}

/// Extended codes of `SQLITE_IOERR` that mean "no room": a write, growing the shared memory of the WAL.
const NO_ROOM: [i32; 3] = [778, 4874, 1546];

fn from_code(code: i32, message: &str) -> StoreError {
    if NO_ROOM.contains(&code) {
        return StoreError::DiskFull;
    }
    match code & 0xff {
        13 => StoreError::DiskFull,
        // The key was right when the file was opened. A page that does not fit its authentication code is reported as a
        // lack of memory (SQLCipher's `CODEC1` in pager.c); a real one ends the process before it comes here.
        7 | 11 | NOT_A_DATABASE => StoreError::Corrupt,
        5 | 6 => StoreError::Locked,
        19 => StoreError::Refused { rule: rule(message) },
        8 => StoreError::Other(
            "the database cannot be written: check the permissions of its folder".to_owned(),
        ),
        10 => StoreError::Other(format!("the disk reports an error (code {code}): check the disk")),
        14 => StoreError::Other(
            "the database file cannot be opened: check its folder and permissions".to_owned(),
        ),
        _ => StoreError::Other(format!("code {code}: {message}")),
    }
}

/// Constraint messages name the constraint or the columns; triggers speak in their own words.
fn rule(message: &str) -> String {
    message.strip_suffix(" constraint failed").unwrap_or(message).to_owned()
}

/// After these `SQLite` may have rolled the whole transaction back by itself
/// (<https://www.sqlite.org/lang_transaction.html>, "Response To Errors Within A Transaction").
pub(super) fn ends_transaction(error: &StoreError) -> bool {
    !matches!(error, StoreError::Refused { .. } | StoreError::Moved { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_errors_people_can_act_on() {
        // code, message, part of the text
        for (code, expected) in [
            (13, "the disk is full"),
            (778, "the disk is full"),
            (4874, "the disk is full"),
            (11, "damaged"),
            (267, "damaged"),
            (26, "damaged"),
            (5, "another program holds"),
            (261, "another program holds"),
            (6, "another program holds"),
            (1811, "refused by the database: told"),
            (266, "check the disk"),
            (14, "check its folder"),
            (1, "code 1: told"),
        ] {
            assert!(from_code(code, "told").to_string().contains(expected), "{code}");
        }
    }
}

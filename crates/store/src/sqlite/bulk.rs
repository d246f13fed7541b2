//! Statements with many rows: one call to the driver for up to 64 rows instead of one each.

use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::errors::typed;
use crate::Result;

/// A query with its arguments so far.
pub(super) type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Few sizes, so that each is prepared once and stays in the statement cache.
const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// One statement in its sizes.
#[derive(Debug)]
pub(super) struct Bulk {
    texts: [String; SIZES.len()],
}

impl Bulk {
    /// `head` + `(?, ?), (?, ?)` + `tail`, with `columns` places a row.
    pub(super) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        Self { texts: SIZES.map(|size| format!("{head} {} {tail}", vec![row.as_str(); size].join(", "))) }
    }

    /// Runs the statement over all rows, in order; `bind` adds the values of one row. Says how many rows were touched.
    pub(super) async fn run<T: Sync>(
        &'static self,
        connection: &mut SqliteConnection,
        mut rows: &[T],
        bind: impl for<'q> Fn(Bound<'q>, &T) -> Bound<'q> + Send + Sync,
    ) -> Result<u64> {
        let mut touched = 0;
        for (size, text) in SIZES.into_iter().zip(&self.texts) {
            while rows.len() >= size {
                let (now, later) = rows.split_at(size);
                rows = later;
                let mut query = sqlx::query(text.as_str());
                for row in now {
                    query = bind(query, row);
                }
                let done = query.execute(&mut *connection).await.map_err(|error| typed(&error))?;
                touched += done.rows_affected();
            }
        }
        Ok(touched)
    }
}

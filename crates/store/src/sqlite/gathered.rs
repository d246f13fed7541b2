//! Many rows in one text.
//!
//! Each row that crosses from a reading thread costs a message, and each of its values two allocations that another
//! thread gives back. A page of hundreds of rows is therefore gathered into one text by the statement itself: each value
//! behind its length in bytes (`5:Bella`), a NULL as `:` alone.

use sqlx::Row as _;

use super::{batch::Reader, bulk::Bound, errors::typed};
use crate::{Result, StoreError, words::Word};

/// The text of all rows: an aggregate over the values, which are texts, and perhaps a condition at the end, which is 0 or
/// 1.
macro_rules! gathered {
    ($($value:literal),+) => {
        concat!("group_concat(concat(", gathered!(@ $($value),+), "), '')")
    };
    ($($value:literal),+; $condition:literal) => {
        concat!("group_concat(concat(", gathered!(@ $($value),+), ", '1:', ", $condition, "), '')")
    };
    (@ $value:literal) => {
        concat!("octet_length(", $value, "), ':', ", $value)
    };
    (@ $value:literal, $($rest:literal),+) => {
        concat!(gathered!(@ $value), ", ", gathered!(@ $($rest),+))
    };
}
pub(super) use gathered;

/// Reads what [`gathered!`] wrote, row by row.
pub(super) async fn rows<T>(
    mut reader: Reader<'_>,
    query: Bound<'_>,
    read: impl Fn(&mut Values<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let page = query.fetch_one(reader.connection()?).await.map_err(|error| typed(&error))?;
    drop(reader);
    // No rows make no text.
    let text: Option<&str> = page.try_get_unchecked(0).map_err(|error| typed(&error))?;
    let mut values = Values { rest: text.unwrap_or_default() };
    let mut found = Vec::new();
    while !values.rest.is_empty() {
        found.push(read(&mut values)?);
    }
    Ok(found)
}

/// The values of gathered rows, from left to right.
pub(super) struct Values<'a> {
    rest: &'a str,
}

impl<'a> Values<'a> {
    /// The next value; none where it is NULL.
    pub(super) fn perhaps(&mut self) -> Result<Option<&'a str>> {
        let (length, rest) = self.rest.split_once(':').ok_or_else(unreadable)?;
        if length.is_empty() {
            self.rest = rest;
            return Ok(None);
        }
        let length = length.parse().map_err(|_| unreadable())?;
        let (value, rest) = rest.split_at_checked(length).ok_or_else(unreadable)?;
        self.rest = rest;
        Ok(Some(value))
    }

    /// The next value, which is never NULL.
    pub(super) fn next(&mut self) -> Result<&'a str> {
        self.perhaps()?.ok_or_else(unreadable)
    }

    pub(super) fn word<T: Word>(&mut self) -> Result<T> {
        T::read(self.next()?)
    }

    /// The bytes of which the statement gathered `hex(...)`.
    pub(super) fn perhaps_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(digits) = self.perhaps()? else { return Ok(None) };
        let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits
            .as_bytes()
            .chunks(2)
            .map(|byte| match byte {
                [high, low] => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .map(Some)
            .ok_or_else(unreadable)
    }
}

fn unreadable() -> StoreError {
    StoreError::Other("the database gave a page that is not readable".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_gathered() {
        let mut values = Values { rest: "5:Žofi0:2:0A:4:1:2:1:9" };
        assert_eq!(values.next().unwrap(), "Žofi");
        assert_eq!(values.perhaps().unwrap(), Some(""));
        assert_eq!(values.perhaps_bytes().unwrap(), Some(vec![0x0A]));
        assert_eq!(values.perhaps().unwrap(), None);
        assert_eq!((values.next().unwrap(), values.next().unwrap(), values.rest), ("1:2:", "9", ""));
    }

    #[test]
    fn what_nobody_gathered_is_refused() {
        for text in ["", "5", "5:four", "1:Ž", "x:a", "-1:a", ":"] {
            assert!(Values { rest: text }.next().is_err(), "{text:?}");
        }
        for text in ["1:A", "2:0G", "2:Ž"] {
            assert!(Values { rest: text }.perhaps_bytes().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_statement_names_each_value_with_its_length() {
        assert_eq!(
            gathered!("a", "b.c"),
            "group_concat(concat(octet_length(a), ':', a, octet_length(b.c), ':', b.c), '')"
        );
        assert_eq!(gathered!("a"; "b > 1"), "group_concat(concat(octet_length(a), ':', a, '1:', b > 1), '')");
    }
}

//! A file of one JSON object a line, in pieces that end at line ends.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// A line longer than this is no record; most likely the whole export stands on one line.
pub const LINE_MAX: usize = 32 << 20;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not one object a line.
    #[error(
        "a line is longer than {} MiB: write one JSON object a line (with jq: `jq -c '.result[]'` for Table API pages, \
         `jq -c '.entry[].resource'` for FHIR pages)",
        LINE_MAX >> 20
    )]
    LineTooLong,
}

/// Opens a file that can be read twice.
pub fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file, and it has to be read twice"));
    }
    Ok(file)
}

/// Reads a file piece by piece.
#[derive(Debug)]
pub struct Pieces {
    file: File,
    piece_bytes: usize,
    offset: u64,
    carried: Vec<u8>,
    ended: bool,
}

impl Pieces {
    /// The pieces of a file, each of about that many bytes.
    pub fn new(file: File, piece_bytes: usize) -> Pieces {
        Pieces { file, piece_bytes: piece_bytes.max(1), offset: 0, carried: Vec::new(), ended: false }
    }

    /// Fills `piece` with the next lines, the last one whole; returns where in the file they begin, `None` at the end.
    pub fn next_into(&mut self, piece: &mut Vec<u8>) -> Result<Option<u64>, FileProblem> {
        piece.clear();
        piece.append(&mut self.carried);
        while !self.ended {
            let wanted = self.piece_bytes as u64;
            let read = (&mut self.file).take(wanted).read_to_end(piece)?;
            if (read as u64) < wanted {
                self.ended = true;
            } else if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
                self.carried.extend_from_slice(piece.get(at + 1..).unwrap_or_default());
                piece.truncate(at + 1);
                break;
            } else if piece.len() > LINE_MAX {
                return Err(FileProblem::LineTooLong);
            }
        }
        let begins_at = self.offset;
        self.offset += piece.len() as u64;
        Ok((!piece.is_empty()).then_some(begins_at))
    }
}

/// Reads a stretch of a file again.
pub fn read_again(file: &mut File, offset: u64, length: u32, text: &mut Vec<u8>) -> io::Result<()> {
    text.resize(usize::try_from(length).unwrap_or_default(), 0);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(text)
}

/// Calls `each` with every line of a piece: where in the piece it begins, and its text, or `None` where it is not
/// UTF-8. Returns how many lines there were.
pub fn for_each_line(piece: &[u8], mut each: impl FnMut(u32, usize, Option<&str>)) -> u32 {
    let mut at = 0;
    let mut number = 0;
    if let Ok(text) = std::str::from_utf8(piece) {
        for line in text.split_inclusive('\n') {
            each(number, at, Some(line));
            at += line.len();
            number += 1;
        }
    } else {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            each(number, at, std::str::from_utf8(line).ok());
            at += line.len();
            number += 1;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use std::io::Write as _;

    #[test]
    fn pieces_end_at_line_ends_and_lose_nothing() {
        let text = "one\n\ntwo and a half\r\n\u{e9}\nlast without an end";
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        for piece_bytes in [1, 2, 3, 5, 7, 16, 1_000] {
            let mut again = file.try_clone().unwrap();
            again.seek(SeekFrom::Start(0)).unwrap();
            let mut pieces = Pieces::new(again, piece_bytes);
            let (mut piece, mut whole, mut lines) = (Vec::new(), Vec::new(), Vec::new());
            while let Some(offset) = pieces.next_into(&mut piece).unwrap() {
                assert_eq!(offset, whole.len() as u64);
                let count =
                    for_each_line(&piece, |_, _, line| lines.push(line.unwrap().trim_end().to_owned()));
                assert!(count > 0);
                whole.extend_from_slice(&piece);
            }
            assert_eq!(whole, text.as_bytes());
            assert_eq!(lines, ["one", "", "two and a half", "\u{e9}", "last without an end"]);
        }
    }

    #[test]
    fn a_line_that_is_not_utf8_is_told_apart() {
        let mut lines = Vec::new();
        let count = for_each_line(b"good\n\xff\xfe\nalso\n", |number, at, line| {
            lines.push((number, at, line.map(str::to_owned)));
        });
        assert_eq!(count, 3);
        let said: Vec<bool> = lines.iter().map(|(_, _, line)| line.is_some()).collect();
        assert_eq!(said, [true, false, true]);
        assert_eq!(lines.last().map(|(number, at, _)| (*number, *at)), Some((2, 8)));
    }
}

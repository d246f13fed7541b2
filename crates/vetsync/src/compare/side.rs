//! One export boiled down: keys and prints of every record, and where it stands.

use super::lines::{FileProblem, Pieces, for_each_line};
use mapping::fast::{Keys, Printer};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};

/// Prints are evenly spread already.
#[derive(Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, print: u64) {
        self.0 = print;
    }
}

/// Something by the print of a key.
pub type ByPrint<T> = HashMap<u64, T, BuildHasherDefault<AsItIs>>;

/// Where a record stands and whom it names. Zero stands for "no key".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Print of its own key.
    pub own: u64,
    /// Print of the other remote's key it carries.
    pub other: u64,
    /// Where its line begins.
    pub offset: u64,
    /// How long its line is.
    pub length: u32,
    /// The number of its line, from 1.
    pub line: u32,
}

/// A line that cannot be used, or stands in somebody's way.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LineProblem {
    /// From 1.
    pub line: u32,
    /// What is wrong, without values.
    pub problem: String,
}

/// How a line of one side is read.
pub trait ReadLine: Sync {
    /// Keys and prints; `None` where the line cannot be read.
    fn print(&self, line: &str, printer: &mut Printer, prints: &mut Vec<u64>) -> Option<Keys>;
    /// Why a line cannot be read, in words.
    fn why_not(&self, line: &str) -> String;
    /// That a record has no key, in words.
    fn no_key(&self) -> &'static str;
}

/// Works on one piece at a time.
#[derive(Debug, Default)]
struct Worker {
    piece: Vec<u8>,
    offset: u64,
    printer: Printer,
    read: Read,
}

/// What stands in a piece; line numbers count from its beginning.
#[derive(Debug, Default)]
pub struct Read {
    /// The records, in their order.
    pub entries: Vec<Entry>,
    /// Their prints, one per field and record.
    pub prints: Vec<u64>,
    problems: Vec<LineProblem>,
    lines: u32,
}

impl Worker {
    fn work(&mut self, reader: &dyn ReadLine) {
        let Worker { piece, offset, printer, read } = self;
        read.entries.clear();
        read.prints.clear();
        read.problems.clear();
        read.lines = for_each_line(piece, |number, at, line| {
            let begins_at = *offset + at as u64;
            // Windows tools like to begin a file with a byte-order mark.
            let bare = line.map(|line| match line.strip_prefix('\u{feff}') {
                Some(rest) if begins_at == 0 => rest,
                _ => line,
            });
            if bare.is_some_and(|line| line.trim().is_empty()) {
                return;
            }
            let before = read.prints.len();
            let keys = bare.and_then(|line| reader.print(line, printer, &mut read.prints));
            let problem = match (bare, keys) {
                (None, _) => "it is not UTF-8 text; save the export as UTF-8".to_owned(),
                (Some(line), None) => reader.why_not(line),
                (Some(_), Some(Keys { own: None, .. })) => reader.no_key().to_owned(),
                (Some(bare), Some(Keys { own: Some(own), other })) => {
                    let mark = line.map_or(0, str::len) - bare.len();
                    read.entries.push(Entry {
                        own,
                        other: other.unwrap_or_default(),
                        offset: begins_at + mark as u64,
                        length: u32::try_from(bare.len()).unwrap_or(u32::MAX),
                        line: number,
                    });
                    return;
                }
            };
            read.prints.truncate(before);
            read.problems.push(LineProblem { line: number, problem });
        });
    }
}

/// Reads a whole file, its pieces side by side, and hands what stands in them on in their order.
///
/// `each` gets the pieces' records with true line numbers; problems go to `problems`.
pub fn read_all(
    file: File,
    piece_bytes: usize,
    reader: &dyn ReadLine,
    problems: &mut Vec<LineProblem>,
    mut each: impl FnMut(&Read),
) -> Result<(), FileProblem> {
    let mut pieces = Pieces::new(file, piece_bytes);
    let mut workers: Vec<Worker> =
        std::iter::repeat_with(Worker::default).take(rayon::current_num_threads() * 2).collect();
    let mut lines_before = 1_u32;
    loop {
        let mut filled = 0;
        for worker in &mut workers {
            let Some(offset) = pieces.next_into(&mut worker.piece)? else { break };
            worker.offset = offset;
            filled += 1;
        }
        let Some(busy) = workers.get_mut(..filled).filter(|busy| !busy.is_empty()) else { return Ok(()) };
        busy.par_iter_mut().for_each(|worker| worker.work(reader));
        for worker in busy {
            for entry in &mut worker.read.entries {
                entry.line = entry.line.saturating_add(lines_before);
            }
            problems.extend(
                worker.read.problems.drain(..).map(|problem| LineProblem {
                    line: problem.line.saturating_add(lines_before),
                    ..problem
                }),
            );
            lines_before = lines_before.saturating_add(worker.read.lines);
            each(&worker.read);
        }
    }
}

//! Which row and which patient belong together, by the identifiers they carry. The rules are those of a first run:
//! either may name the other, and nothing may contradict it.

use super::side::{ByPrint, Entry};

/// The rows, and who names whom.
#[derive(Debug, Default)]
pub struct Rows {
    /// In the order of their file.
    pub entries: Vec<Entry>,
    /// One per field and row.
    pub prints: Vec<u64>,
    fates: Vec<Fate>,
    by_own: ByPrint<u32>,
    by_other: ByPrint<u32>,
    /// Further rows that name the same patient.
    by_other_again: ByPrint<Vec<u32>>,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Free,
    /// A patient names it that it does not name; the one it names may still come.
    Doubted,
    /// With the patient on that line.
    Linked(u32),
    /// Somebody contradicts its link.
    Contested,
}

/// What becomes of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Belongs to this row, unless somebody else claims that later.
    Row(u32),
    /// No row names it, and it names none.
    Nobody,
    /// The links of row and patient contradict each other.
    Contested,
}

impl Rows {
    /// Adds a row; the line of the earlier row of the same key, if there is one, and then nothing is added.
    pub fn add(&mut self, entry: Entry, prints: &[u64]) -> Result<(), u32> {
        let at = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if let Some(earlier) = self.by_own.get(&entry.own).and_then(|earlier| self.entry(*earlier)) {
            return Err(earlier.line);
        }
        self.by_own.insert(entry.own, at);
        if entry.other != 0 {
            match self.by_other.entry(entry.other) {
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(at);
                }
                std::collections::hash_map::Entry::Occupied(_) => {
                    self.by_other_again.entry(entry.other).or_default().push(at);
                }
            }
        }
        self.entries.push(entry);
        self.fates.push(Fate::Free);
        self.prints.extend_from_slice(prints);
        Ok(())
    }

    /// A row.
    pub fn entry(&self, row: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(row).ok()?)
    }

    /// The prints of a row.
    pub fn prints_of(&self, row: u32, fields: usize) -> &[u64] {
        let at = usize::try_from(row).unwrap_or(usize::MAX).saturating_mul(fields);
        self.prints.get(at..at + fields).unwrap_or_default()
    }

    /// Links a patient.
    pub fn link(&mut self, patient: &Entry) -> Link {
        let mut contested = false;
        let mut doubted = None;
        let mut candidates: [Option<u32>; 2] = [None; 2];
        let mut count = 0;
        let mut candidate = |row: u32| {
            if !candidates.contains(&Some(row)) {
                if let Some(slot) = candidates.get_mut(count) {
                    *slot = Some(row);
                }
                count += 1;
            }
        };
        let first = self.by_other.get(&patient.own).copied();
        let further = self.by_other_again.get(&patient.own).cloned().unwrap_or_default();
        let mut stale = Vec::new();
        for row in first.into_iter().chain(further.iter().copied()) {
            let named_back =
                patient.other == 0 || self.entry(row).is_some_and(|entry| entry.own == patient.other);
            if named_back {
                candidate(row);
            } else {
                contested = true;
                stale.push(row);
            }
        }
        if patient.other != 0
            && let Some(row) = self.by_own.get(&patient.other).copied()
            && let Some(entry) = self.entry(row)
        {
            if entry.other == 0 {
                candidate(row);
            } else if entry.other != patient.own {
                contested = true;
                doubted = Some(row);
            }
        }
        for row in stale {
            self.settle(row, |_| Fate::Contested);
        }
        if let Some(row) = doubted {
            self.settle(row, |fate| if fate == Fate::Free { Fate::Doubted } else { fate });
        }
        match (count, candidates) {
            (0, _) if contested => Link::Contested,
            (0, _) => Link::Nobody,
            (1, [Some(row), _]) => self.claim(row, patient.line),
            _ => {
                for row in first.into_iter().chain(further).chain(candidates.into_iter().flatten()) {
                    self.settle(row, |_| Fate::Contested);
                }
                Link::Contested
            }
        }
    }

    fn claim(&mut self, row: u32, line: u32) -> Link {
        let mut free = false;
        self.settle(row, |fate| {
            free = matches!(fate, Fate::Free | Fate::Doubted);
            if free { Fate::Linked(line) } else { Fate::Contested }
        });
        if free { Link::Row(row) } else { Link::Contested }
    }

    fn settle(&mut self, row: u32, change: impl FnOnce(Fate) -> Fate) {
        if let Some(fate) = usize::try_from(row).ok().and_then(|row| self.fates.get_mut(row)) {
            *fate = change(*fate);
        }
    }

    /// Whether a row still belongs to the patient on that line.
    pub fn is_linked(&self, row: u32, line: u32) -> bool {
        usize::try_from(row).ok().and_then(|row| self.fates.get(row)) == Some(&Fate::Linked(line))
    }

    /// Rows that are linked.
    pub fn linked(&self) -> u64 {
        self.fates.iter().filter(|fate| matches!(fate, Fate::Linked(_))).count() as u64
    }

    /// Rows that nobody names and that name nobody.
    pub fn free(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().zip(&self.fates).filter(|(_, fate)| **fate == Fate::Free).map(|(entry, _)| entry)
    }

    /// Rows whose link is contradicted.
    pub fn contested(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .zip(&self.fates)
            .filter(|(_, fate)| matches!(fate, Fate::Contested | Fate::Doubted))
            .map(|(entry, _)| entry)
    }

    /// Gives memory back once everybody is linked.
    pub fn forget_keys(&mut self) {
        self.by_own = ByPrint::default();
        self.by_other = ByPrint::default();
        self.by_other_again = ByPrint::default();
        self.prints = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(own: u64, other: u64, line: u32) -> Entry {
        Entry { own, other, offset: 0, length: 0, line }
    }

    /// Rows and patients as (own key, key of the other), and which are linked at the end.
    #[test]
    fn who_belongs_together() {
        // (what, rows, patients, linked pairs of keys, contested patients)
        type Keys<'a> = &'a [(u64, u64)];
        let cases: &[(&str, Keys<'_>, Keys<'_>, Keys<'_>, usize)] = &[
            ("both name each other", &[(10, 90)], &[(90, 10)], &[(10, 90)], 0),
            ("only the row names", &[(10, 90)], &[(90, 0)], &[(10, 90)], 0),
            ("only the patient names", &[(10, 0)], &[(90, 10)], &[(10, 90)], 0),
            ("nobody names", &[(10, 0)], &[(90, 0)], &[], 0),
            ("a key that is not there", &[(10, 91)], &[(90, 11)], &[], 0),
            ("they name others", &[(10, 91)], &[(90, 10)], &[], 1),
            ("two rows name one patient", &[(10, 90), (11, 90)], &[(90, 0)], &[], 1),
            ("it says which", &[(10, 90), (11, 90)], &[(90, 11)], &[(11, 90)], 0),
            ("two patients name one row", &[(10, 0)], &[(90, 10), (91, 10)], &[], 1),
            ("the row says which", &[(10, 91)], &[(90, 10), (91, 10)], &[(10, 91)], 1),
        ];
        for (what, rows, patients, linked, contested) in cases {
            let mut all = Rows::default();
            for (at, (own, other)) in (1..).zip(*rows) {
                assert_eq!(all.add(entry(*own, *other, at), &[]), Ok(()), "{what}");
            }
            let mut claims = Vec::new();
            let mut turned_away = 0;
            for (line, (own, other)) in (1..).zip(*patients) {
                match all.link(&entry(*own, *other, line)) {
                    Link::Row(row) => claims.push((row, line, *own)),
                    Link::Contested => turned_away += 1,
                    Link::Nobody => {}
                }
            }
            let pairs: Vec<(u64, u64)> = claims
                .into_iter()
                .filter(|(row, line, _)| all.is_linked(*row, *line))
                .filter_map(|(row, _, own)| Some((all.entry(row)?.own, own)))
                .collect();
            assert_eq!(pairs, *linked, "{what}");
            assert_eq!(turned_away, *contested, "{what}");
            assert_eq!(all.linked(), linked.len() as u64, "{what}");
        }
    }

    #[test]
    fn the_first_of_two_rows_with_one_key_stands() {
        let mut rows = Rows::default();
        assert_eq!(rows.add(entry(10, 0, 1), &[7]), Ok(()));
        assert_eq!(rows.add(entry(10, 0, 5), &[8]), Err(1));
        assert_eq!(rows.prints_of(0, 1), [7]);
        assert_eq!(rows.free().count(), 1);
    }
}

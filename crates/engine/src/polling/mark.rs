//! Watermarks: up to which time of a remote's own clock everything it has changed was seen (wire-facts 4 and 5.7).
//!
//! A mark is the time of the newest record seen, never a time of ours: clocks differ. What this computer's clock is used
//! for are lengths of time alone.

use serde::{Deserialize, Serialize};

/// A change may become visible this long after the time it carries: a long transaction is stored with the time at which it
/// was made, and the nodes of one system have clocks of their own.
pub const LATE_MS: i64 = 60_000;

/// Where the reading of changes stands. Kept as it is, one for each remote and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Time of the newest change seen, by the remote's clock, Unix milliseconds.
    pub newest_ms: i64,
    /// When that was seen first, by ours.
    pub seen_at_ms: i64,
    /// It was read again after so long that nothing older can become visible any more.
    #[serde(default)]
    pub settled: bool,
    /// When so much had changed that everything was read instead, by our clock.
    #[serde(default)]
    pub many_at_ms: Option<i64>,
}

impl Mark {
    /// The first mark, after everything was read: the remote's time when that reading began.
    ///
    /// `newest_ms` is the newest change it showed, which is no later than its end, and `took_ms` how long it took; where the
    /// remote told its time at the beginning (`clock_ms`), the earlier one counts. `None` while there is nothing to go by.
    pub fn after_everything(
        newest_ms: Option<i64>,
        took_ms: i64,
        clock_ms: Option<i64>,
        now_ms: i64,
    ) -> Option<Mark> {
        let began_ms = newest_ms.map(|newest_ms| newest_ms.saturating_sub(took_ms.max(0)));
        let newest_ms = began_ms.into_iter().chain(clock_ms).min()?;
        Some(Mark { newest_ms, seen_at_ms: now_ms, settled: false, many_at_ms: None })
    }

    /// From which time on changes are asked for.
    pub const fn from_ms(&self) -> i64 {
        if self.settled { self.newest_ms } else { self.newest_ms.saturating_sub(LATE_MS) }
    }

    /// The mark after a reading that was asked for at `asked_at_ms` and showed everything from [`Mark::from_ms`] on.
    ///
    /// A record with a time that the remote itself has not reached yet (`clock_ms`) moves it no further than that: all
    /// later changes would be passed over.
    #[must_use]
    pub fn after(&self, newest_ms: Option<i64>, clock_ms: i64, asked_at_ms: i64, now_ms: i64) -> Mark {
        let newest_ms = newest_ms.map_or(self.newest_ms, |newest_ms| newest_ms.min(clock_ms));
        if newest_ms > self.newest_ms {
            return Mark { newest_ms, seen_at_ms: now_ms, settled: false, ..self.clone() };
        }
        let settled = self.settled || asked_at_ms.saturating_sub(self.seen_at_ms) >= LATE_MS;
        Mark { settled, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(newest_ms: i64, seen_at_ms: i64, settled: bool) -> Mark {
        Mark { newest_ms, seen_at_ms, settled, many_at_ms: None }
    }

    #[test]
    fn the_first_mark_is_no_later_than_the_beginning_of_the_reading() {
        const NOW: i64 = 9_000_000;
        for (what, newest_ms, took_ms, clock_ms, expected) in [
            (
                "the newest change may be of the reading's last moment",
                Some(500_000),
                40_000,
                None,
                Some(460_000),
            ),
            ("the remote told its time", Some(500_000), 0, Some(490_000), Some(490_000)),
            ("its time is not that of its records", Some(500_000), 40_000, Some(900_000), Some(460_000)),
            ("an empty table", None, 40_000, Some(490_000), Some(490_000)),
            ("our clock was set back meanwhile", Some(500_000), -7_000, None, Some(500_000)),
            ("nothing to go by", None, 40_000, None, None),
        ] {
            let first = Mark::after_everything(newest_ms, took_ms, clock_ms, NOW);
            assert_eq!(first, expected.map(|newest_ms| mark(newest_ms, NOW, false)), "{what}");
        }
    }

    #[test]
    fn it_moves_to_the_newest_change_and_never_past_the_remotes_own_time_or_back() {
        let known = mark(1_000_000, 50_000, true);
        for (what, newest_ms, clock_ms, expected) in [
            ("a newer change", Some(1_020_000), 2_000_000, mark(1_020_000, 70_000, false)),
            ("the same one again", Some(1_000_000), 2_000_000, known.clone()),
            ("an older one, stored late", Some(980_000), 2_000_000, known.clone()),
            ("nothing", None, 2_000_000, known.clone()),
            ("a time that is yet to come", Some(99_000_000), 1_030_000, mark(1_030_000, 70_000, false)),
            ("a clock behind what it showed before", Some(99_000_000), 900_000, known.clone()),
        ] {
            assert_eq!(known.after(newest_ms, clock_ms, 70_000, 70_000), expected, "{what}");
        }
    }

    /// Whatever becomes visible within [`LATE_MS`] of its time is read: the window stays open until a reading was asked for
    /// so long after the newest change was first seen.
    #[test]
    fn the_window_closes_only_after_a_reading_that_saw_what_came_late() {
        let mut known = mark(1_000_000, 50_000, false);
        for asked_at_ms in [50_001, 65_000, 50_000 + LATE_MS - 1] {
            known = known.after(Some(1_000_000), i64::MAX, asked_at_ms, asked_at_ms + 10 * LATE_MS);
            assert_eq!(known.from_ms(), 1_000_000 - LATE_MS, "asked for at {asked_at_ms}");
        }
        known = known.after(Some(1_000_000), i64::MAX, 50_000 + LATE_MS, 50_000 + LATE_MS);
        assert_eq!(known.from_ms(), 1_000_000, "the newest second itself is always read again");
        known = known.after(Some(1_000_001), i64::MAX, 200_000, 200_000);
        assert_eq!(known.from_ms(), 1_000_001 - LATE_MS, "a newer change opens it again");
        // A clock that was set back tells nothing: the window stays open.
        assert!(!known.after(None, i64::MAX, 0, 0).settled);
    }
}

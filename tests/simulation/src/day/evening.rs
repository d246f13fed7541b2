//! The evening: nothing goes wrong any more and nobody works, until everything rests.

use super::{Day, Due, EVENING_MS, MINUTE_MS, MORNING_MS, MOST_ENTRIES, WORKDAY_MS};
use crate::books::Books;
use crate::history::Happening;
use std::sync::atomic::Ordering;

impl Day {
    /// Nothing goes wrong any more and nobody works: runs until everything rests.
    pub(super) async fn evening(&mut self, entries: &mut u64) -> Option<String> {
        self.now_ms.store(MORNING_MS + WORKDAY_MS, Ordering::Relaxed);
        self.calm = true;
        self.medium.gate.disarm();
        self.swarm.calm();
        for clock in [&self.remotes.servicenow.clock, &self.remotes.ehr.clock, &self.remotes.idp.clock] {
            clock.set_skew_ms(0);
        }
        if self.hidden.is_some() {
            self.hide(false);
        }
        self.skew_ms.store(0, Ordering::Relaxed);
        self.asleep_until_ms = 0;
        self.history.note(self.now(), Happening::Calm);
        self.agenda.retain(|_, due| {
            !matches!(
                due,
                Due::Act
                    | Due::Desk
                    | Due::Run
                    | Due::Skew(_)
                    | Due::Revoke
                    | Due::Hide(_)
                    | Due::Suspend(_)
                    | Due::Kill
            )
        });
        if self.process.is_none() && !self.agenda.values().any(|due| matches!(due, Due::Restart)) {
            self.at(self.now(), Due::Restart);
        }
        // A record that is gone is believed to be gone at the second complete reading; the third changes nothing.
        let mut good_runs = 0;
        let mut resumed = false;
        let mut next_run_ms = self.now() + MINUTE_MS;
        let end_ms = self.now() + EVENING_MS;
        loop {
            if !resumed && self.process.is_some() {
                resumed = true;
                self.resume_both().await;
            }
            if self.rests().await && self.agree_to_go_on().await {
                // What two persons agreed to is carried out below, entry by entry.
                continue;
            }
            let next = self.agenda.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let rests = self.rests().await;
            if rests && good_runs >= 3 {
                return None;
            }
            if rests && next.is_none_or(|at_ms| at_ms >= next_run_ms) && self.process.is_some() {
                let run_ms = next_run_ms.max(self.now());
                self.now_ms.store(run_ms, Ordering::Relaxed);
                let before = Books::good_runs(&*self.medium).await;
                self.start_run("evening").await;
                // Carried on below, entry by entry; counted when it has ended.
                while let Some(((at_ms, _), due)) = self.agenda.pop_first() {
                    *entries += 1;
                    if *entries > MOST_ENTRIES || at_ms > end_ms {
                        return Some("the evening's run does not end".to_owned());
                    }
                    self.now_ms.store(at_ms, Ordering::Relaxed);
                    self.happen(due).await;
                    if self.process.as_ref().is_some_and(|process| process.engine.current_run().is_none())
                        && self.rests().await
                    {
                        break;
                    }
                }
                good_runs += u32::from(Books::good_runs(&*self.medium).await > before);
                next_run_ms = self.now() + MINUTE_MS;
                if self.now() > end_ms {
                    return Some("the evening never rests".to_owned());
                }
                continue;
            }
            let Some(((at_ms, _), due)) = self.agenda.pop_first() else {
                return Some("nothing is due any more, and operations wait in the outbox".to_owned());
            };
            *entries += 1;
            if *entries > MOST_ENTRIES || at_ms > end_ms {
                return Some("the outbox never empties".to_owned());
            }
            self.now_ms.store(at_ms, Ordering::Relaxed);
            self.happen(due).await;
        }
    }

    /// Nothing is under way, and nothing waits in the outbox.
    async fn rests(&self) -> bool {
        let Some(process) = &self.process else { return false };
        !process.is_busy()
            && self.flights.is_empty()
            && !self.agenda.values().any(|due| matches!(due, Due::Message { .. }))
            && process.engine.current_run().is_none()
            && Books::nothing_waits(&*self.medium).await
    }
}

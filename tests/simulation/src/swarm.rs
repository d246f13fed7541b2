//! What goes wrong in a day. A random subset of all faults with random rates is drawn first ("swarm testing"): days with
//! one kind of fault in plenty find what days with a little of everything do not.

use crate::draw::Draw;
use crate::remotes::Place;
use simulator::Fault;

/// A stretch of time in which a remote misbehaves as a whole.
#[derive(Debug, Clone)]
pub struct Burst {
    /// Who.
    pub place: Place,
    /// From, Unix milliseconds.
    pub from_ms: i64,
    /// Until.
    pub until_ms: i64,
    /// How: `None` refuses connections.
    pub fault: Option<Fault>,
}

/// A clock that is put wrong.
#[derive(Debug, Clone, Copy)]
pub struct Skew {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Whose: 0 ServiceNow, 1 EHR, 2 identity provider, 3 the one of the computer that VetSync runs on.
    pub whose: u64,
    /// By how much.
    pub by_ms: i64,
}

/// The faults of a day. Rates are per thousand requests.
#[derive(Debug, Clone, Default)]
pub struct Swarm {
    refused: u32,
    drop_request: u32,
    drop_reply: u32,
    cut_body: u32,
    slow: u32,
    late: u32,
    too_many: u32,
    unauthorized: u32,
    server_error: u32,
    html: u32,
    truncated: u32,
    short_pages: u32,
    error_in_body: u32,
    garbage: u32,
    no_etag: u32,
    ignore_query: u32,
    /// Bad stretches.
    pub bursts: Vec<Burst>,
    /// Clocks put wrong.
    pub skews: Vec<Skew>,
    /// Tokens revoked at these times.
    pub revocations: Vec<i64>,
    /// How often the process is killed.
    pub crashes: u64,
    /// Rows hidden from the API for a while: from, until.
    pub hidden: Option<(i64, i64)>,
    /// The remotes send events of what changes; how many of a thousand are lost, doubled, late or garbled.
    pub events: Option<[u32; 4]>,
    /// Usual way to a remote and back, milliseconds.
    pub latency_ms: i64,
    /// The disk is full, from the commit that many after a start on, for so many commits.
    pub disk_full: Option<(u64, u64)>,
    /// A brake so low that a day's work reaches it: patients a run may write to.
    pub brake_pairs: Option<u64>,
    /// Lists are slow there: how much longer an answer to one takes at most, milliseconds.
    pub slow_lists_ms: Option<i64>,
    /// People compare everything while what they approved is still being carried out.
    pub hasty: bool,
    /// Of a thousand writes, how many a rule over there refuses for good.
    pub refused_writes: u32,
    /// The computer is suspended: from, until.
    pub suspensions: Vec<(i64, i64)>,
    /// Of a hundred changes of rows of ServiceNow, how many a script makes without moving their change counter.
    pub scripts: u32,
    /// Of a hundred edits, how many put back what a field said earlier.
    pub reverts: u32,
    /// People at the console look after the quarantine, correct refused writes, and decide by values of their own.
    pub corrections: bool,
    /// Answers come in at multiples of this many milliseconds, and those that come together share a step and a
    /// transaction; `None`: each is a step of its own.
    pub together_ms: Option<i64>,
    /// What changed is asked for so often, milliseconds; `None`: never, only events and people lead to a look.
    pub poll_every_ms: Option<i64>,
}

/// What becomes of one request.
#[derive(Debug, Clone)]
pub struct Fate {
    /// Milliseconds until it arrives; `None`: it never does.
    pub arrives_ms: Option<i64>,
    /// What the remote makes of it.
    pub fault: Option<Fault>,
    /// The body is replaced by nonsense.
    pub garbage: bool,
    /// How the answer comes back.
    pub back: Back,
    /// Milliseconds from the request to what the client sees.
    pub answered_ms: i64,
}

/// How an answer comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// As it was sent.
    Whole,
    /// Not at all.
    Lost,
    /// Its head only.
    Cut,
    /// No connection was made.
    Refused,
}

/// The client gives up after this long (specification `timeout_seconds`).
pub const TIMEOUT_MS: i64 = 30_000;

impl Swarm {
    /// The faults of the day of that seed, between two times.
    pub fn of(seed: u64, from_ms: i64, until_ms: i64) -> Swarm {
        let mut draw = Draw::of(seed, 2);
        let mut swarm = Swarm { latency_ms: draw.between(2, 400), ..Swarm::default() };
        swarm.events = draw.percent(60).then_some([0; 4]);
        swarm.draw_conduct(&mut Draw::of(seed, 21));
        swarm.draw_own_computer(&mut Draw::of(seed, 30), from_ms, until_ms);
        swarm.draw_own_store(&mut Draw::of(seed, 31));
        swarm.draw_corrections(&mut Draw::of(seed, 32));
        swarm.draw_reverts(&mut Draw::of(seed, 33));
        swarm.draw_polling(&mut Draw::of(seed, 40));
        // One day in eight is quiet: what fails there fails without any help.
        if draw.percent(12) {
            return swarm;
        }
        let mut rate = |share: u32, most: u64| {
            if draw.percent(share) { u32::try_from(1 + draw.below(most)).unwrap_or(0) } else { 0 }
        };
        swarm.refused = rate(25, 80);
        swarm.drop_request = rate(30, 100);
        swarm.drop_reply = rate(40, 150);
        swarm.cut_body = rate(20, 60);
        swarm.slow = rate(30, 150);
        swarm.late = rate(20, 60);
        swarm.too_many = rate(25, 100);
        swarm.unauthorized = rate(20, 60);
        swarm.server_error = rate(30, 120);
        swarm.html = rate(15, 50);
        swarm.truncated = rate(25, 80);
        swarm.short_pages = rate(30, 300);
        swarm.error_in_body = rate(20, 80);
        swarm.garbage = rate(20, 60);
        swarm.no_etag = rate(20, 300);
        swarm.ignore_query = rate(15, 60);
        if let Some(rates) = &mut swarm.events {
            *rates = [rate(40, 400), rate(40, 400), rate(50, 500), rate(30, 100)];
        }
        let span = until_ms - from_ms;
        if draw.percent(35) {
            for _ in 0..=draw.below(2) {
                let begin = from_ms + draw.between(0, span - 1);
                let place =
                    *draw.pick(&[Place::ServiceNow, Place::Ehr, Place::SignIn]).unwrap_or(&Place::Ehr);
                let fault = match draw.below(4) {
                    0 => None,
                    1 => Some(Fault::ServerError { status: 503 }),
                    2 => Some(Fault::ServerError { status: 500 }),
                    _ => Some(Fault::TooManyRequests { retry_after_s: draw.percent(50).then_some(20) }),
                };
                let until_ms = begin + draw.between(2_000, 15 * 60_000);
                swarm.bursts.push(Burst { place, from_ms: begin, until_ms, fault });
            }
        }
        if draw.percent(25) {
            for _ in 0..=draw.below(3) {
                swarm.skews.push(Skew {
                    at_ms: from_ms + draw.between(0, span - 1),
                    whose: draw.below(3),
                    by_ms: draw.between(-200_000, 200_000),
                });
            }
        }
        if draw.percent(25) {
            swarm.revocations = (0..=draw.below(3)).map(|_| from_ms + draw.between(0, span - 1)).collect();
        }
        if draw.percent(45) {
            swarm.crashes = 1 + draw.below(4);
        }
        if draw.percent(10) {
            let begin = from_ms + draw.between(0, span - 1);
            swarm.hidden = Some((begin, begin + draw.between(60_000, 3_600_000)));
        }
        swarm
    }

    /// What people do beyond the ordinary, and settings beyond the usual. Each has a small share of the days, so that most
    /// days show what goes wrong without it.
    fn draw_conduct(&mut self, draw: &mut Draw) {
        self.brake_pairs = draw.percent(12).then(|| 1 + draw.below(2));
        self.hasty = draw.percent(35);
        // Together they show what a list says that is older than what was written meanwhile.
        let share = if self.hasty { 70 } else { 10 };
        self.slow_lists_ms = draw.percent(share).then(|| draw.between(500, 20_000));
    }

    /// What befalls the computer that VetSync runs on: its clock is put wrong, and it is suspended. With chance of its own,
    /// so that everything else about a day stays what it is.
    fn draw_own_computer(&mut self, draw: &mut Draw, from_ms: i64, until_ms: i64) {
        let span = until_ms - from_ms;
        if draw.percent(12) {
            let begin = from_ms + draw.between(0, span - 1);
            self.suspensions.push((begin, begin + draw.between(30_000, 90 * 60_000)));
        }
        if draw.percent(8) {
            // Put wrong, by seconds or by hours, and put right again some time later.
            let most_ms = if draw.percent(50) { 150_000 } else { 5 * 3_600_000 };
            let at_ms = from_ms + draw.between(0, span - 1);
            self.skews.push(Skew { at_ms, whose: 3, by_ms: draw.between(-most_ms, most_ms) });
            let right_ms = at_ms + draw.between(1_000, 60 * 60_000);
            self.skews.push(Skew { at_ms: right_ms, whose: 3, by_ms: 0 });
        }
    }

    /// What its own driver and disk do: answers that come together share a step and a transaction, and the disk is full.
    fn draw_own_store(&mut self, draw: &mut Draw) {
        self.together_ms = draw.percent(40).then(|| draw.between(1, 400));
        self.disk_full = draw.percent(10).then(|| (1 + draw.below(120), 1 + draw.below(6)));
    }

    /// What people at the console put right, and what there is to be put right.
    fn draw_corrections(&mut self, draw: &mut Draw) {
        self.corrections = draw.percent(25);
        // A refusal alone is a question that nobody answers.
        let share = if self.corrections { 50 } else { 8 };
        self.refused_writes =
            if draw.percent(share) { 1 + u32::try_from(draw.below(150)).unwrap_or(0) } else { 0 };
    }

    /// Changes that look like none: an earlier value is put back, and a script writes without moving the change counter.
    fn draw_reverts(&mut self, draw: &mut Draw) {
        self.reverts = if draw.percent(20) { 40 } else { 0 };
        self.scripts = if draw.percent(15) { 40 } else { 0 };
    }

    /// On some days changes are looked for beside the events, often or rarely.
    fn draw_polling(&mut self, draw: &mut Draw) {
        if draw.percent(35) {
            let every_ms = [15_000, 60_000, 300_000, 1_800_000];
            self.poll_every_ms = every_ms.get(usize::try_from(draw.below(4)).unwrap_or(0)).copied();
        }
    }

    /// Nothing goes wrong any more.
    pub fn calm(&mut self) {
        let events = self.events.map(|_| [0; 4]);
        let (latency_ms, together_ms) = (self.latency_ms, self.together_ms);
        *self = Swarm { events, latency_ms, together_ms, ..Swarm::default() };
    }

    /// Draws what becomes of a request. `may_come_late`: its remote tells a request that arrives after its client gave up
    /// from a fresh one (by version or by a unique key).
    pub fn fate(&self, draw: &mut Draw, place: Place, now_ms: i64, may_come_late: bool) -> Fate {
        let way = |draw: &mut Draw| 1 + draw.between(0, self.latency_ms);
        let arrives = way(draw);
        let mut fate = Fate {
            arrives_ms: Some(arrives),
            fault: None,
            garbage: false,
            back: Back::Whole,
            answered_ms: arrives + way(draw),
        };
        if let Some(burst) = self
            .bursts
            .iter()
            .find(|burst| burst.place == place && (burst.from_ms..burst.until_ms).contains(&now_ms))
        {
            match &burst.fault {
                None => return Fate { arrives_ms: None, back: Back::Refused, ..fate },
                fault => return Fate { fault: fault.clone(), ..fate },
            }
        }
        if draw.per_mille(self.slow) {
            let more = draw.between(500, 12_000);
            fate.answered_ms += more;
            if draw.percent(50) {
                fate.arrives_ms = Some(arrives + more);
            }
        }
        if draw.per_mille(self.refused) {
            return Fate { arrives_ms: None, back: Back::Refused, ..fate };
        }
        if draw.per_mille(self.drop_request) {
            let answered_ms = if draw.percent(50) { TIMEOUT_MS } else { fate.answered_ms };
            return Fate { arrives_ms: None, back: Back::Lost, answered_ms, ..fate };
        }
        if draw.per_mille(self.drop_reply) {
            let answered_ms = if draw.percent(50) { TIMEOUT_MS } else { fate.answered_ms };
            return Fate { back: Back::Lost, answered_ms, ..fate };
        }
        if draw.per_mille(self.cut_body) {
            return Fate { back: Back::Cut, ..fate };
        }
        if may_come_late && draw.per_mille(self.late) {
            let arrives_ms = Some(TIMEOUT_MS + draw.between(1, 60_000));
            return Fate { arrives_ms, back: Back::Lost, answered_ms: TIMEOUT_MS, ..fate };
        }
        let faults: [(u32, Fault); 9] = [
            (self.too_many, Fault::TooManyRequests { retry_after_s: draw.percent(60).then_some(3) }),
            (self.unauthorized, Fault::Unauthorized),
            (self.server_error, Fault::ServerError { status: if draw.percent(50) { 500 } else { 503 } }),
            (self.html, Fault::HtmlPage { status: if draw.percent(50) { 200 } else { 502 } }),
            (self.truncated, Fault::TruncatedJson),
            (self.short_pages, Fault::ShortPages { at_most: 1 }),
            (self.error_in_body, Fault::ErrorInBody),
            (self.no_etag, Fault::NoEtag),
            (self.ignore_query, Fault::IgnoreQuery),
        ];
        fate.fault = faults.into_iter().find(|(rate, _)| draw.per_mille(*rate)).map(|(_, fault)| fault);
        fate.garbage = draw.per_mille(self.garbage);
        fate
    }
}

//! Clinic days: what they replay to, days that once went wrong, and deliberate bugs that must not escape.
//!
//! Meant for the profile `simulation` (`cargo xtask test` runs them so); unoptimised they only take longer.

use simulation::mutations::Mutation;
use simulation::{checker, live, live_with};

/// Days that once showed a bug of the product, with what it was.
const ONCE_WRONG: &[(u64, &str)] = &[
    (21, "an EHR without ETag: somebody else's write in the same moment was overwritten without a word"),
    (31, "a plan whose last operation was done when the process ended stayed approved for ever"),
    (54, "a failure inside a good answer was taken for the EHR's dialect until the next start"),
    (
        117,
        "a cut-off page of the dictionary: rows were read without their columns, and created empty in the EHR",
    ),
    (151, "with every lane taken the engine asked to be woken at a time that had passed, over and over"),
    (190, "a decision whose write found a newer version left its question being carried out for ever"),
    (289, "the disk was full right after a receipt: its plan stayed approved for ever"),
    (
        564,
        "two records were said to be the same animal when one was gone already, and nobody was asked ever after",
    ),
    (910, "the disk was full while a lost answer was looked for: its operation was left running for ever"),
    (919, "a decision whose record was deleted meanwhile left its question being carried out for ever"),
    (1_280, "what a person put back while it was carried over was overwritten by our own write"),
    (
        2_159,
        "a decided emptying was taken back, and a rule filled the other side with the value that was back",
    ),
    (
        4_264,
        "what the brake held back, counted anew without being read anew, passed for fresh: an animal was created beside its twin",
    ),
    (
        6_372,
        "a record went while something overwritten was asked about, and afterwards nobody asked about it",
    ),
    (
        7_989,
        "the count of a table got lost on its way: a row that access rules hide passed for absent, and was created again",
    ),
    (9_281, "a creation that waited behind the brake passed for fresh, as on day 4264"),
];

/// Days in which the product did what can be done, and the checker once said otherwise.
const ONCE_MISJUDGED: &[(u64, &str)] = &[
    (
        7_001,
        "an EHR without ETag: a colleague's write was overwritten in the same moment, and the record deleted before it \
         could be read back",
    ),
    (
        8_972,
        "two people changed both sides to the same, and one took it back, between two of the product's readings: that \
         they had agreed nobody could know",
    ),
    (
        9_529,
        "a phone was emptied on both sides, and then a person gave a new one in one of them: that is the newer change",
    ),
];

#[test]
fn days_that_once_went_wrong_go_well() {
    for (seed, what) in ONCE_WRONG.iter().chain(ONCE_MISJUDGED) {
        let wrong = checker::check(&live(*seed));
        assert!(wrong.is_empty(), "seed {seed} ({what}): {wrong:#?}");
    }
}

#[test]
fn a_seed_replays_to_the_same_history_byte_for_byte() {
    // With and without crashes, events, clocks put wrong and bad stretches.
    for seed in [5, 8, 17, 40, 59, 84, 117, 209] {
        let (first, second) = (live(seed).history, live(seed).history);
        assert!(first.entries.len() > 30, "seed {seed} is a day in which something happens");
        assert_eq!(first.hash(), second.hash(), "seed {seed}");
    }
    assert_ne!(live(5).history.hash(), live(8).history.hash(), "another seed is another day");
}

/// From these seeds on each deliberate bug is looked for: not in one lucky place.
const FROM: [u64; 3] = [2_000, 40_000, 70_000];

/// Each deliberate bug, and within how many days it has to be found from each of them.
const FOUND_WITHIN: &[(Mutation, u64)] = &[
    (Mutation::SkipLookUp, 60),
    (Mutation::ResendAtOnce, 80),
    (Mutation::IgnoreVersion, 20),
    (Mutation::DropLaneOrder, 50),
    (Mutation::ForgetAtRestart, 70),
    (Mutation::DropAllergy, 20),
    (Mutation::ForgetReceipt, 10),
    (Mutation::ForgetQuestion, 10),
    (Mutation::WriteMore, 10),
    (Mutation::ApproveAlone, 20),
    (Mutation::MergeForgets, 20),
    (Mutation::BelieveShortPage, 200),
    (Mutation::OlderPageWins, 300),
    (Mutation::BaseBeforeVerified, 100),
    (Mutation::LateFinisher, 200),
    (Mutation::BrakeCountsLate, 100),
];

#[test]
fn every_deliberate_bug_is_found() {
    let all: Vec<Mutation> = FOUND_WITHIN.iter().map(|(mutation, _)| *mutation).collect();
    assert_eq!(all, Mutation::ALL, "every one is looked for");
    for from in FROM {
        assert!(checker::check(&live(from)).is_empty(), "day {from} goes well without a bug");
        for (mutation, within) in FOUND_WITHIN {
            let is_wrong = |seed| !checker::check(&live_with(seed, Some(*mutation))).is_empty();
            let found = (from..from + within).any(is_wrong);
            assert!(found, "{mutation:?} was not found within {within} days from seed {from} on");
        }
    }
}

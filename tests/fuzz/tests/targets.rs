//! Every target, first with the inputs that are kept, then for a few seconds with what is made out of them.
//!
//! `BOLERO_RANDOM_TEST_TIME_MS` sets how long; `cargo xtask fuzz` does that.

use fuzz::corpus::{LeftBehind, inputs};
use fuzz::mutated::{Input, Inputs};
use fuzz::{TARGETS, Target};
use std::time::Duration;

/// What one target gets in the tests of every day.
const TEST_TIME: Duration = Duration::from_secs(5);

fn take_apart(name: &str, input: &[u8], target: Target) {
    let _left_behind = LeftBehind { target: name, input };
    target(input);
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let name = stringify!($name);
            let target = TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target);
            let Some(target) = target else { panic!("no target of this name") };
            let kept = inputs(name);
            assert!(!kept.is_empty(), "no input is kept for it");
            for (file, input) in &kept {
                eprintln!("{name}/{file}");
                take_apart(name, input, target);
            }
            bolero::check!()
                .with_generator(Inputs::of(kept.into_iter().map(|(_, input)| input)))
                .with_test_time(TEST_TIME)
                .for_each(move |input: &Input| take_apart(name, &input.0, target));
        })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|(name, _)| name), run);
        }
    };
}

targets! {
    json,
    values,
    encoded_query,
    simulated_requests,
    settings_toml,
    settings_json,
    patient,
    row,
    appointment,
    treatment,
    servicenow_answers,
    servicenow_dictionary,
    ehr_answers,
    token_answers,
    events,
}

//! Every target, first with the inputs that are kept, then with what is made out of them: always the same inputs in the
//! tests of every day, so that a change, and not chance, decides whether they pass. With `BOLERO_RANDOM_TEST_TIME_MS`
//! (`cargo xtask fuzz` sets it) new ones, for that long.

use bolero::generator::bolero_generator::ValueGenerator as _;
use bolero::generator::bolero_generator::driver::{Options, Rng};
use fuzz::corpus::{LeftBehind, inputs};
use fuzz::mutated::{Input, Inputs};
use fuzz::{TARGETS, Target};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// How many inputs are made for one target in the tests of every day.
const EVERY_DAY: u64 = 2_000;

fn take_apart(name: &str, input: &[u8], target: Target) {
    let _left_behind = LeftBehind { target: name, input };
    target(input);
}

/// The made-up inputs of every day, one from each of the first seeds.
fn every_day(made: &Inputs) -> impl Iterator<Item = Input> {
    (0..EVERY_DAY)
        .filter_map(|seed| made.generate(&mut Rng::new(ChaCha8Rng::seed_from_u64(seed), &Options::default())))
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
            let made = Inputs::of(kept.into_iter().map(|(_, input)| input));
            if std::env::var_os("BOLERO_RANDOM_TEST_TIME_MS").is_some() {
                let each = move |input: &Input| take_apart(name, &input.0, target);
                bolero::check!().with_generator(made).for_each(each);
            } else {
                every_day(&made).for_each(|input| take_apart(name, &input.0, target));
            }
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
    mid_answers,
    ecc_payloads,
    events,
}

//! Signatures and rates of the receiver.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use receiver::limits::RateLimit;
use receiver::signature::{SigningKey, is_signed};

/// The published test vector (wire-facts 7.3).
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const AT: &str = "1614265330";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

#[test]
fn the_published_vector_is_signed_and_recognised() {
    let key = SigningKey::parse(SECRET).unwrap();
    assert_eq!(key.sign(ID, AT, BODY), SIGNATURE);
    assert!(is_signed(&[key], ID, AT, BODY, SIGNATURE));
}

#[test]
fn anything_else_is_not() {
    let keys = [SigningKey::parse(SECRET).unwrap()];
    for (id, at, body, header) in [
        ("msg_other", AT, BODY, SIGNATURE),
        (ID, "1614265331", BODY, SIGNATURE),
        (ID, AT, b"{\"test\": 2432232315}".as_slice(), SIGNATURE),
        (ID, AT, BODY, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (ID, AT, BODY, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (ID, AT, BODY, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1O"),
        (ID, AT, BODY, ""),
        (ID, AT, BODY, "v1,"),
    ] {
        assert!(!is_signed(&keys, id, at, body, header), "{id} {at} {header}");
    }
    assert!(!is_signed(&[], ID, AT, BODY, SIGNATURE), "without a key nothing is right");
}

#[test]
fn while_a_key_is_replaced_both_are_right() {
    let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let both = SigningKey::parse_all(&format!("{other}\n{SECRET}\n")).unwrap();
    assert!(is_signed(&both, ID, AT, BODY, SIGNATURE), "signed with the old one");
    let new = SigningKey::parse(other).unwrap();
    let header = format!("v2,zzz {} {SIGNATURE}", new.sign(ID, AT, BODY));
    assert!(is_signed(&[new], ID, AT, BODY, &header), "a sender may sign with both");
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    for text in ["", "   ", "secret", "whsec_???", "whsec_AAEC", &format!("{SECRET} nonsense")] {
        let problem = SigningKey::parse_all(text).unwrap_err();
        assert!(!problem.contains("secret") && !problem.contains("nonsense"), "{problem}");
    }
    assert!(!format!("{:?}", SigningKey::parse(SECRET).unwrap()).contains("MfKQ"));
}

#[test]
fn a_minute_s_worth_goes_at_once_and_then_as_time_passes() {
    let limit = RateLimit::new(60);
    assert!((0..60).all(|_| limit.take(&"a", 0).is_ok()));
    assert_eq!(limit.take(&"a", 0), Err(1));
    assert_eq!(limit.take(&"b", 0), Ok(()), "somebody else");
    assert_eq!(limit.take(&"a", 999), Err(1));
    assert_eq!(limit.take(&"a", 1_000), Ok(()));
    assert_eq!(limit.take(&"a", 1_000), Err(1));
    assert!((0..60).all(|_| limit.take(&"a", 10_000_000).is_ok()), "never more than a minute's worth");
    assert_eq!(limit.take(&"a", 10_000_000), Err(1));
    let slow = RateLimit::new(1);
    assert_eq!((slow.take(&"a", 0), slow.take(&"a", 0)), (Ok(()), Err(60)));
}

#[test]
fn a_clock_set_back_locks_nobody_out() {
    let limit = RateLimit::new(2);
    assert_eq!(limit.take(&"a", 100_000), Ok(()));
    assert_eq!(limit.take(&"a", 1_000), Ok(()));
    assert_eq!(limit.take(&"a", 1_000), Err(30));
    assert_eq!(limit.take(&"a", 31_000), Ok(()));
}

#[test]
fn however_many_senders_come_few_are_remembered() {
    let limit = RateLimit::new(1);
    for sender in 0..20_000_i64 {
        assert_eq!(limit.take(&sender, sender), Ok(()));
    }
    assert_eq!(limit.remembered(), 4_096);
}

//! Every error that reaches a person: a sentence, a way out, and nothing that belongs to nobody's eyes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use console_api::dto::{ApiError, Capability, ErrorCode, Person, Role};
use console_api::permissions::{capabilities, may, who_can};
use engine::EngineError;
use record::Remote;
use remote::RemoteError;
use store::StoreError;

fn shown(error: impl Into<EngineError>) -> ApiError {
    ApiError::from(error.into())
}

#[test]
fn every_error_is_a_sentence_with_a_way_out_and_the_right_code() {
    let remote = Remote::Ehr;
    let what = || "the words of the remote".to_owned();
    let cases: Vec<(ApiError, ErrorCode)> = vec![
        (shown(StoreError::DiskFull), ErrorCode::Internal),
        (shown(StoreError::Locked), ErrorCode::Locked),
        (shown(StoreError::WrongKey), ErrorCode::Locked),
        (shown(StoreError::Corrupt), ErrorCode::Internal),
        (shown(StoreError::TooNew { found: 9, known: 1 }), ErrorCode::Internal),
        (shown(StoreError::NotEncrypted), ErrorCode::Internal),
        (shown(StoreError::Other("io".to_owned())), ErrorCode::Internal),
        (shown(RemoteError::Unreachable { remote, what: what() }), ErrorCode::Offline),
        (shown(RemoteError::Ambiguous { remote, what: what() }), ErrorCode::Offline),
        (
            shown(RemoteError::Transient { remote, status: 503, what: what(), retry_after_ms: None }),
            ErrorCode::Offline,
        ),
        (shown(RemoteError::SignIn { remote, what: what() }), ErrorCode::Offline),
        (shown(RemoteError::Moved { remote, key: "k".to_owned(), current_version: None }), ErrorCode::Moved),
        (shown(RemoteError::NotFound { remote, key: "k".to_owned() }), ErrorCode::NotFound),
        (shown(RemoteError::Many { remote, count: 2 }), ErrorCode::Invalid),
        (shown(RemoteError::Refused { remote, status: 403, what: what() }), ErrorCode::Invalid),
        (shown(RemoteError::Protocol { remote, what: what() }), ErrorCode::Internal),
        (shown(EngineError::NotFound { what: "plan" }), ErrorCode::NotFound),
        (
            shown(EngineError::Moved {
                what: "the plan".to_owned(),
                fields: vec!["Owner's phone".to_owned()],
            }),
            ErrorCode::Moved,
        ),
        (
            shown(EngineError::NotNow { what: "not now".to_owned(), way_out: "later".to_owned() }),
            ErrorCode::Invalid,
        ),
        (shown(EngineError::Stopping), ErrorCode::Internal),
    ];
    for (error, code) in cases {
        assert_eq!(error.code, code, "{error:?}");
        for text in [&error.message, &error.way_out] {
            assert!(text.ends_with(['.', '!', '?']), "a whole sentence: {error:?}");
            assert!(text.chars().next().unwrap().is_uppercase(), "{error:?}");
        }
    }
}

/// A way out that is worth the name: it names what can be done by whom.
#[test]
fn what_moved_names_the_fields() {
    let error = shown(EngineError::Moved {
        what: "the record was changed".to_owned(),
        fields: vec!["Owner's phone".to_owned(), "Owner's e-mail".to_owned()],
    });
    assert!(error.message.contains("Owner's phone, Owner's e-mail"), "{error:?}");
    assert!(error.way_out.contains("kept"), "{error:?}");
}

/// Roles as the console's description lists them; whatever is not listed is not allowed.
#[test]
fn roles_may_what_is_listed_and_nothing_else() {
    use Capability as C;
    let everything = [
        C::SeePatients,
        C::SeeConflicts,
        C::DecideDemographic,
        C::DecideClinical,
        C::ApproveSecond,
        C::SyncOne,
        C::SyncAll,
        C::VerifyPatient,
        C::SeeReceipts,
        C::Undo,
        C::LinkPatients,
        C::SeeRaw,
        C::SwitchPerson,
    ];
    // Front desk, clinician, IT, admin, auditor.
    let table = [
        (C::SeePatients, "yyyyy"),
        (C::SeeConflicts, "yyyy-"),
        (C::DecideDemographic, "y--y-"),
        (C::DecideClinical, "-y-y-"),
        (C::ApproveSecond, "---y-"),
        (C::SyncOne, "yy-y-"),
        (C::SyncAll, "---y-"),
        (C::VerifyPatient, "yyyy-"),
        (C::SeeReceipts, "yyyyy"),
        (C::Undo, "yy-y-"),
        (C::LinkPatients, "y--y-"),
        (C::SeeRaw, "-yyy-"),
        (C::SwitchPerson, "-----"),
    ];
    assert_eq!(table.map(|(capability, _)| capability), everything);
    for (capability, allowed) in table {
        for (column, role) in
            [Role::FrontDesk, Role::Clinician, Role::It, Role::Admin, Role::Auditor].into_iter().enumerate()
        {
            let person = Person { id: "p".to_owned(), name: "P".to_owned(), role };
            let expected = allowed.as_bytes()[column] == b'y';
            assert_eq!(may(&person, capability), expected, "{role:?} {capability:?}");
            assert_eq!(capabilities(role).contains(&capability), expected);
        }
        assert!(!who_can(capability).is_empty());
    }
}
